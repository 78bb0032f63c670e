"""Processes that speak the protocol of ``ganbench ab`` and train nothing, for the commands that start such."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench.fleet.pairs import measure
from ganbench.fleet.pairs.side import Side

FAKES = Path(__file__).parents[1] / "fleet" / "pairs" / "conftest.py"


@pytest.fixture
def seen() -> dict[str, Side]:
    """Return the sides of the last call, by role."""
    return {}


@pytest.fixture
def call_with_fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: dict[str, Side]) -> Callable[..., int]:
    """Return a caller of a command whose workers are fakes: ``call_with_fakes("ab", "./a", "./b", head={"mode": "die@block"})``.

    The current folder is empty but for the checkouts ``a`` and ``b``, and no job of a CI system is around it.
    """
    spec = importlib.util.spec_from_file_location("ab_fakes", FAKES)
    assert spec is not None
    assert spec.loader is not None
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_BASE_REF"):
        monkeypatch.delenv(name, raising=False)
    for name in ("a", "b"):
        (tmp_path / name / "ganbench").mkdir(parents=True)
        (tmp_path / name / "ganbench" / "__init__.py").touch()

    def invoke(command: str, *arguments: str, **given: dict[str, Any]) -> int:
        def launch(role: str, side: Side, **_: object) -> Any:
            seen[role] = side
            slower = {"step_seconds": 0.01 * (1 + side.slowdown)}
            return fakes.fake_launch(tmp_path, role, **{**slower, **given.get(role, {})})

        monkeypatch.setattr(measure, "make_launch", launch)
        return main([command, *arguments, "--pairs", "2", "--pair-seconds", "0.001"])

    return invoke

"""Fake distributions: real dist-info folders on sys.path, so that discovery takes the path of an installed plugin."""

from __future__ import annotations

import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., str]

_serial = itertools.count()

HEAD = """\
from dataclasses import dataclass
from ganbench import ArchitectureSpec, LossSpec, hookimpl
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path where fake distributions are put."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)
    return folder


@pytest.fixture
def install(site: Path) -> Iterator[Install]:
    """Write a distribution with modules and one entry point for each, and return the first module's name.

    Module names are unique, so that no test finds another's module in ``sys.modules``; ``MODULE`` in a source stands for its own.
    """
    made: list[str] = []

    def write(
        distribution: str,
        *sources: str,
        version: str = "1.0",
        entry: str | None = None,
        metadata: str | None = None,
        groups: tuple[str, ...] = ("ganbench",),
    ) -> str:
        modules = [f"fake_{next(_serial)}_{distribution.replace('-', '_')}" for _ in sources]
        for module, source in zip(modules, sources, strict=True):
            (site / f"{module}.py").write_text(HEAD + textwrap.dedent(source).replace("MODULE", module))
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        if metadata is None:
            metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        if metadata:
            (info / "METADATA").write_text(metadata)
        names = [entry or distribution] if len(modules) == 1 else [f"{distribution}-{i}" for i in range(len(modules))]
        entries = "".join(f"{name} = {module}\n" for name, module in zip(names, modules, strict=True))
        (info / "entry_points.txt").write_text("".join(f"[{group}]\n{entries}" for group in groups))
        made.extend(modules)
        return modules[0]

    yield write
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def loss_source() -> Callable[[str], str]:
    """The source of a plugin that registers one loss under a name."""

    def source(name: str) -> str:
        return f"""
            @hookimpl
            def ganbench_register():
                return [LossSpec(name={name!r}, summary="a loss", factory="MODULE:build")]

            def build(options):
                return "built"
        """

    return source

"""``ganbench runs``: what is finished may go, what is unfinished or in use stays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench.record.directory import RunDirectory


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_record: Callable[..., Any]) -> Path:
    """Three finished runs, the first with a checkpoint, and an interrupted one."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "results" / "runs"
    for index, status in enumerate(("complete", "diverged", "complete")):
        with RunDirectory.create_at(root / f"run{index}") as run:
            run.config_path.touch()
            run.finish(make_record(run_id=f"run{index}", status=status, created=f"2026-11-2{index + 1}T00:00:00+00:00"))
    (root / "run0" / "checkpoints" / "000000000064-0123456789abcdef.pt").write_bytes(b"x" * 2**20)
    with RunDirectory.create_at(root / "unfinished") as run:
        run.config_path.touch()
        run.write_partial(make_record(run_id="unfinished", status="interrupted"))
    return root


def left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_the_list_tells_what_stays(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With sizes, for programs too."""
    assert main(["runs", "list", "--format", "json"]) == 0
    (section,) = json.loads(capsys.readouterr().out)["groups"]
    rows = {row["run"]: row for row in section["rows"]}
    assert set(rows) == {"run0", "run1", "run2", "unfinished"}
    assert rows["run0"]["checkpoints_mib"] == 1.0
    assert rows["unfinished"]["stays"] == "it is not finished"
    assert rows["run0"]["stays"] is None


def test_a_dry_run_and_an_unanswered_question_remove_nothing(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first says what would go; the second is an error where nobody is there."""
    before = left(runs)
    assert main(["runs", "rm", "results/runs", "--dry-run"]) == 0
    assert main(["runs", "rm", "results/runs"]) == 2
    assert "nobody is there to be asked" in capsys.readouterr().err
    assert left(runs) == before


def test_finished_runs_go_and_the_others_stay(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever was named."""
    assert main(["runs", "rm", "results/runs", "--yes"]) == 0
    assert left(runs) == ["unfinished"]
    assert "unfinished stays: it is not finished" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="no locks here")
def test_a_run_in_use_stays(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also a finished one."""
    directory = RunDirectory(runs / "run0")
    directory._lock.acquire()
    try:
        assert main(["runs", "rm", "run0", "--yes"]) == 0
    finally:
        directory.close()
    assert "a process works on it" in capsys.readouterr().err
    assert "run0" in left(runs)


def test_only_the_filtered_go(runs: Path) -> None:
    """By status."""
    assert main(["runs", "rm", "results/runs", "--status", "diverged", "--yes"]) == 0
    assert left(runs) == ["run0", "run2", "unfinished"]


def test_the_newest_are_kept(runs: Path) -> None:
    """Of each name, dataset and seed."""
    assert main(["runs", "prune", "--keep", "1", "--yes"]) == 0
    assert left(runs) == ["run2", "unfinished"]


def test_checkpoints_go_alone(runs: Path) -> None:
    """And the record stays."""
    assert main(["runs", "prune", "--checkpoints", "--yes"]) == 0
    assert list((runs / "run0" / "checkpoints").iterdir()) == []
    assert (runs / "run0" / "record.json").exists()
    assert len(left(runs)) == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs", "prune"], "prune what?"),
        (["runs", "list", "--older-than", "soon"], "--older-than wants"),
        (["runs", "list", "--status", "failed"], "no run is like that"),
        (["runs", "rm", "absent", "--yes"], "no run 'absent'"),
    ],
)
def test_what_is_wrong_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    """With exit code 2, and everything stays."""
    before = left(runs)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1
    assert left(runs) == before

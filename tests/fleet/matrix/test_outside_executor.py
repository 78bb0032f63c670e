"""An executor from outside: a distribution of its own that uses public names only runs a small matrix to its records."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganbench.cli.main import main

SOURCE = '''
"""Runs cells in threads of this process, one after another."""

import queue
import threading
from dataclasses import dataclass

from ganbench import CellOutcome, CellProgress, CellTask, ExecutorContext, ExecutorSpec, hookimpl, run_cell


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    diary: str
    """File that it writes the cells into."""


class Threads:
    def __init__(self, diary: str) -> None:
        self.slots = self.machines = self.cpus = 1
        self.diary, self.events, self.stopping = diary, queue.SimpleQueue(), threading.Event()

    def submit(self, task: CellTask) -> None:
        threading.Thread(target=self.run, args=(task,)).start()

    def run(self, task: CellTask) -> None:
        outcome = run_cell(task, tell=self.events.put, stop=self.stopping.is_set)
        with open(self.diary, "a") as file:
            file.write(f"{task.name}, attempt {task.attempt}, threads {task.threads}: {outcome.state}\\n")
        self.events.put(outcome)

    def wait(self) -> list[CellProgress | CellOutcome]:
        try:
            return [self.events.get(timeout=0.5)]
        except queue.Empty:
            return []

    def interrupt(self) -> None:
        self.stopping.set()

    def close(self) -> None:
        self.interrupt()


def build(options: Options, context: ExecutorContext) -> Threads:
    return Threads(options.diary)


@hookimpl
def ganbench_register() -> list[ExecutorSpec]:
    return [ExecutorSpec(name="threads", summary="threads of this process", factory="cells_in_threads:build", options=Options)]
'''
AXES = ("-a", "plugin=dcgan", "-a", "seed=0..1", "--out", "m", "--executor", "threads", "-x", "diary=diary.txt")


@pytest.fixture(autouse=True)
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install it where the tests' Python finds it, and begin in an empty folder."""
    site, place = tmp_path / "site", tmp_path / "place"
    info = site / "cells_in_threads-1.0.dist-info"
    info.mkdir(parents=True)
    place.mkdir()
    (site / "cells_in_threads.py").write_text(textwrap.dedent(SOURCE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cells-in-threads\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganbench]\nthreads = cells_in_threads\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(place)
    yield
    sys.modules.pop("cells_in_threads", None)


@pytest.mark.slow
def test_it_runs_a_matrix_to_its_records(tiny_flags: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Rows, records and table as of any executor; a second call has nothing to do."""
    assert main(["matrix", *AXES, *tiny_flags]) == 0
    assert Path("diary.txt").read_text().splitlines() == [
        "dcgan seed=0, attempt 1, threads 1: done",
        "dcgan seed=1, attempt 1, threads 1: done",
    ]
    rows = json.loads(Path("m/matrix.json").read_text())["cells"]
    assert [row["state"] for row in rows] == ["done", "done"]
    records = [json.loads((Path("m") / row["directory"] / "record.json").read_text()) for row in rows]
    assert [(record["status"], record["seed"]) for record in records] == [("complete", 0), ("complete", 1)]
    assert "digits, seed 1" in (Path("m") / rows[1]["directory"] / "log.txt").read_text()
    assert "2/2  dcgan seed=1: done after" in capfd.readouterr().err
    assert main(["matrix", *AXES, *tiny_flags]) == 0
    assert "2 skipped" in capfd.readouterr().out
    assert len(Path("diary.txt").read_text().splitlines()) == 2


@pytest.mark.slow
def test_what_a_cell_does_is_an_outcome(tiny_flags: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be built is unsupported, here as in a process of its own."""
    assert main(["matrix", *AXES, *tiny_flags, "--set=dataset.options.resolution=12"]) == 5
    assert "cannot be built for 12x12" in capfd.readouterr().out
    assert "unsupported" in Path("diary.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--executor", "thread"), "unknown executor 'thread'; did you mean 'threads'?"),
        (("--executor", "threads"), "threads.diary is required"),
        (("-x", "grace_seconds=soon"), "local.grace_seconds"),
        (("-x", "grace_seconds"), "-x wants KEY=VALUE"),
    ],
)
def test_an_executor_that_cannot_be_made_is_one_line(arguments: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 before any cell is looked at, and no folder."""
    assert main(["matrix", "-a", "plugin=dcgan", "--out", "m", *arguments]) == 2
    assert message in capfd.readouterr().err
    assert not Path("m").exists()

"""Which cell runs when, with executors that only pretend."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import StorageError
from ganbench.fleet.executor import CellOutcome, CellProgress, CellRequest, CellTask
from ganbench.fleet.matrix.ledger import CellRow, MatrixLedger
from ganbench.fleet.matrix.plan import PlannedCell
from ganbench.fleet.matrix.schedule import Result, Rules, Scheduler, share_threads
from ganbench.fleet.matrix.wanted import WantedCell


class Pretend:
    """An executor that ends the oldest running cell at each look, as a script says; a cell that is done leaves a record."""

    def __init__(self, slots: int, script: dict[str, list[CellOutcome]], machines: int = 1) -> None:
        self.slots, self.machines, self.cpus, self.script = slots, machines, 4, script
        self.running: list[CellTask] = []
        self.log: list[str] = []
        self.interrupts = 0

    def submit(self, task: CellTask) -> None:
        self.running.append(task)
        self.log.append("+".join(one.name for one in self.running))
        assert len(self.running) <= self.slots

    def wait(self) -> list[CellProgress | CellOutcome]:
        task = self.running.pop(0)
        if self.interrupts:
            return [CellOutcome(name=task.name, state="interrupted")]
        outcomes = self.script.get(task.name, [])
        outcome = outcomes.pop(0) if outcomes else CellOutcome(name=task.name, state="done")
        if outcome.state in ("done", "diverged"):
            task.directory.mkdir()
            status = "complete" if outcome.state == "done" else "diverged"
            (task.directory / "record.json").write_text(json.dumps({"status": status}))
        return [CellProgress(name=task.name, samples_seen=1, total_samples=2, samples_per_second=3.0), outcome]

    def interrupt(self) -> None:
        self.interrupts += 1

    def close(self) -> None:
        """Nothing to end."""


class Ear:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, row: CellRow) -> None:
        self.heard.append(f"{row.name} begins {row.attempts}{row.reason and f' after {row.reason}'}")

    def progressed(self, progress: CellProgress) -> None:
        self.heard.append(f"{progress.name} moves")

    def ended(self, row: CellRow) -> None:
        self.heard.append(f"{row.name} {row.state}")

    def stopping(self) -> None:
        self.heard.append("stopping")


class Matrix:
    """A matrix of cells without configurations."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ear, self.ledger = folder, Ear(), MatrixLedger(folder)

    def planned(self, name: str, *, exclusive: bool = False, **changes: Any) -> PlannedCell:
        """Return a cell."""
        request = CellRequest(plugin=name, settings={}, options={}, off=[])
        cell = WantedCell(name=name, plugin=name, settings=(), exclusive=exclusive)
        return PlannedCell(**{"cell": cell, "request": request, "id": name, "directory": self.folder / name, **changes})

    def run(
        self,
        planned: list[PlannedCell],
        executor: Pretend,
        *,
        retries: int = 1,
        stop: Callable[[], int] = lambda: 0,
    ) -> Result:
        """Run cells."""
        rules = Rules(shared_threads=1, exclusive_threads=4, retries=retries, timeout_seconds=9.0)
        return Scheduler(planned, executor, self.ledger, self.ear, rules, stop).run()


@pytest.fixture
def matrix(tmp_path: Path) -> Matrix:
    """Return a matrix in an empty folder."""
    return Matrix(tmp_path / "m")


def failing(name: str, state: Any, reason: str = "") -> dict[str, list[CellOutcome]]:
    """Return the script of a cell that ends like this once."""
    return {name: [CellOutcome(name=name, state=state, reason=reason, output=("last",))]}


def test_slots_are_filled_and_exclusive_cells_run_alone_at_the_end(matrix: Matrix) -> None:
    """With all CPUs; the others with their share."""
    cells = [matrix.planned("x", exclusive=True), *(matrix.planned(name) for name in "abc"), matrix.planned("y", exclusive=True)]
    executor = Pretend(2, {})
    result = matrix.run(cells, executor)
    assert executor.log == ["a", "a+b", "b+c", "x", "y"]
    assert [(row.name, row.state, row.threads) for row in result.rows] == [(n, "done", 4 if n in "xy" else 1) for n in "xabcy"]
    assert matrix.ledger.rows() == result.rows


def test_an_exclusive_cell_that_is_retried_still_runs_alone(matrix: Matrix) -> None:
    """Nothing is begun beside it."""
    executor = Pretend(3, failing("x", "killed"))
    matrix.run([matrix.planned("x", exclusive=True), matrix.planned("a"), matrix.planned("y", exclusive=True)], executor)
    assert executor.log == ["a", "x", "x", "y"]


def test_exclusive_cells_run_beside_each_other_on_machines_of_their_own(matrix: Matrix) -> None:
    """And beside nothing else."""
    executor = Pretend(3, {}, machines=2)
    matrix.run([*(matrix.planned(name, exclusive=True) for name in "xyz"), matrix.planned("a")], executor)
    assert executor.log == ["a", "x", "x+y", "y+z"]


def test_an_executor_that_loses_a_run_is_found_out(matrix: Matrix) -> None:
    """Done is what has a record."""

    class Loses(Pretend):
        def wait(self) -> list[CellProgress | CellOutcome]:
            return [CellOutcome(name=self.running.pop(0).name, state="done")]

    (row,) = matrix.run([matrix.planned("a")], Loses(1, {})).rows
    assert row.state == "failed"
    assert row.reason.endswith("a holds no record")


def test_finished_cells_are_never_run_again(matrix: Matrix) -> None:
    """A second call runs what failed, and only that."""
    cells = [matrix.planned(name) for name in "abc"]
    first = matrix.run(cells, Pretend(1, failing("b", "failed", "why")))
    assert [(row.state, row.reason, row.output) for row in first.rows] == [("done", "", ()), ("failed", "why", ("last",)), ("done", "", ())]
    second = Pretend(1, {})
    result = matrix.run(cells, second)
    assert second.log == ["b"]
    assert (result.skipped, [row.state for row in result.rows]) == (2, ["done"] * 3)


def test_what_cannot_run_is_a_row(matrix: Matrix) -> None:
    """Before a worker sees it, or after; a plugin that ended its process is a failure."""
    cells = [
        matrix.planned("a", id="", directory=None, reason="no such plugin"),
        matrix.planned("b", id="", directory=None, reason="gone", crashed=True),
        matrix.planned("c"),
    ]
    result = matrix.run(cells, Pretend(1, failing("c", "unsupported", "12x12")))
    assert [(row.state, row.reason) for row in result.rows] == [
        ("unsupported", "no such plugin"),
        ("failed", "gone"),
        ("unsupported", "12x12"),
    ]


def test_only_what_something_from_outside_ended_is_tried_again(matrix: Matrix) -> None:
    """As often as the rules say."""
    script = {**failing("a", "failed"), **failing("b", "killed"), "c": [CellOutcome(name="c", state="killed", reason="SIGKILL")] * 5}
    result = matrix.run([matrix.planned(name) for name in "abc"], Pretend(1, script), retries=2)
    assert [(row.state, row.attempts) for row in result.rows] == [("failed", 1), ("done", 2), ("failed", 3)]
    assert result.rows[2].reason == "SIGKILL"
    assert "b begins 2" in matrix.ear.heard
    assert "c begins 3 after SIGKILL" in matrix.ear.heard


def test_a_run_that_died_after_its_record_is_done(matrix: Matrix) -> None:
    """A run is complete if and only if its record exists."""

    class DiesLate(Pretend):
        def wait(self) -> list[CellProgress | CellOutcome]:
            super().wait()
            return [CellOutcome(name="a", state="killed", reason="SIGKILL")]

    result = matrix.run([matrix.planned("a")], DiesLate(1, {}))
    assert [(row.state, row.reason, row.attempts) for row in result.rows] == [("done", "", 1)]


def test_a_diverged_run_is_finished_and_says_so(matrix: Matrix) -> None:
    """The second call leaves it as it is."""
    cells = [matrix.planned("a")]
    for executor in (Pretend(1, failing("a", "diverged", "NaN")), Pretend(1, {})):
        result = matrix.run(cells, executor)
        assert [row.state for row in result.rows] == ["diverged"]
        assert result.skipped == 0
    assert executor.log == []


def test_stopping_begins_nothing_more_and_waits_for_the_running(matrix: Matrix) -> None:
    """What waits is waiting still, and the next call runs it."""
    executor = Pretend(2, {})
    cells = [matrix.planned(name) for name in "abcd"]
    result = matrix.run(cells, executor, stop=lambda: int(len(executor.log) == 3))
    assert result.interrupted
    assert executor.log == ["a", "a+b", "b+c"]
    assert [row.state for row in result.rows] == ["done", "done", "interrupted", "waiting"]
    assert executor.interrupts == 1
    assert "stopping" in matrix.ear.heard
    assert matrix.run(cells, Pretend(2, {})).skipped == 2


def test_a_full_disk_in_a_worker_ends_the_matrix_after_the_running_cells(matrix: Matrix) -> None:
    """Nothing finished is lost, and nothing more is begun."""
    executor = Pretend(2, failing("a", "no-space", "cannot write x: No space left on device"))
    with pytest.raises(StorageError, match="cannot write x: No space left"):
        matrix.run([matrix.planned(name) for name in "abcd"], executor)
    assert executor.log == ["a", "a+b"]
    assert {row.name: row.state for row in matrix.ledger.rows()} == {"a": "failed", "b": "done", "c": "waiting", "d": "waiting"}


def test_a_full_disk_under_the_ledger_ends_the_matrix(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    """The running cell ends first; its own record is what counts."""
    update, calls = matrix.ledger.update, []

    def full(rows: Any) -> None:
        calls.append(1)
        if len(calls) > 2:
            raise StorageError("cannot write matrix.json: No space left on device")
        update(rows)

    monkeypatch.setattr(matrix.ledger, "update", full)
    executor = Pretend(1, {})
    with pytest.raises(StorageError, match=r"matrix\.json"):
        matrix.run([matrix.planned("a"), matrix.planned("b")], executor)
    assert executor.log == ["a"]
    assert [row.state for row in MatrixLedger(matrix.folder).rows()] == ["done", "waiting"]


def test_a_cell_gets_no_more_threads_than_its_machine_has() -> None:
    """Where fewer cells run than there are machines, and where none can run just now."""
    assert share_threads(4, 2, machines=3) == (4, 4)
    assert share_threads(4, 0, machines=0) == (1, 4)


@pytest.mark.parametrize(
    ("cpus", "slots", "stated", "expected"), [(8, 2, None, (4, 8)), (2, 3, None, (1, 2)), (8, 2, 1, (1, 1)), (1, 1, None, (1, 1))]
)
def test_cpus_are_divided(cpus: int, slots: int, stated: int | None, expected: tuple[int, int]) -> None:
    """OMP_NUM_THREADS stands above it."""
    assert share_threads(cpus, slots, stated=stated) == expected

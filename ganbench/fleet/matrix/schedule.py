"""Which cell runs when: as many as there are slots, then the exclusive ones, one on a machine; again only what something outside ended.

Nothing here starts a process or prints: an executor runs the cells, a listener is told, a ledger keeps the rows.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ganbench.errors import StorageError
from ganbench.fleet.executor import CellOutcome, CellProgress, CellTask, Executor
from ganbench.fleet.matrix.axes import PLUGIN, value_text
from ganbench.fleet.matrix.ledger import CellRow, CellState, MatrixLedger, finished_state
from ganbench.fleet.matrix.plan import PlannedCell

_LOGS = "logs"
"""Folder of what workers print, inside the matrix's."""


class MatrixListener(Protocol):
    """Follows a matrix; what a subclass leaves as it is does nothing."""

    def started(self, row: CellRow) -> None:
        """A cell begins, or begins again."""

    def progressed(self, progress: CellProgress) -> None:
        """A running cell has come further."""

    def ended(self, row: CellRow) -> None:
        """A cell has ended for this call."""

    def stopping(self) -> None:
        """The user wants the matrix to stop; running cells save and end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How cells share a machine."""

    shared_threads: int
    """CPU threads of a cell that runs beside others."""
    exclusive_threads: int
    """CPU threads of a cell that runs alone."""
    retries: int = 1
    """More attempts at a cell that something from outside ended."""
    timeout_seconds: float | None = None
    memory_limit_mib: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a call has done."""

    rows: tuple[CellRow, ...]
    """One for each cell, in their order."""
    skipped: int
    """Cells that were done before."""
    interrupted: bool


def share_threads(cpus: int, slots: int, machines: int = 1, stated: int | None = None) -> tuple[int, int]:
    """Return the threads of a cell that runs beside others, and of one that runs alone.

    Args:
        cpus: of one machine.
        slots: cells at a time.
        machines: that share them.
        stated: threads of one process as the user's environment has them (OMP_NUM_THREADS), which stands above the division.
    """
    return stated or min(max(1, cpus * machines // max(1, slots)), max(1, cpus)), stated or max(1, cpus)


def first_row(planned: PlannedCell, rules: Rules | None = None) -> CellRow:
    """Return the row of a cell before anything is run; without rules it has no threads yet."""
    cell = planned.cell
    state = finished_state(planned.directory) if planned.directory else None
    without: CellState = "failed" if planned.crashed else "unsupported"
    given = 0 if rules is None else rules.exclusive_threads if cell.exclusive else rules.shared_threads
    return CellRow(
        name=cell.name,
        state=state or ("waiting" if planned.directory else without),
        id=planned.id,
        directory=planned.directory.name if planned.directory else "",
        reason=planned.reason,
        threads=0 if planned.threads else given,
        exclusive=cell.exclusive,
        settings={PLUGIN: cell.plugin, **{path: value_text(value) for path, value in (*cell.settings, *cell.options)}},
    )


class Scheduler:
    """Runs the cells of one call.

    Args:
        planned: all cells, resolved.
        executor: runs them; closed by the caller.
        ledger: keeps their rows.
        listener: is told.
        rules: how they share the machine.
        stop_requests: returns how often the user has asked to stop.
    """

    def __init__(
        self,
        planned: Sequence[PlannedCell],
        executor: Executor,
        ledger: MatrixLedger,
        listener: MatrixListener,
        rules: Rules,
        stop_requests: Callable[[], int] = lambda: 0,
    ) -> None:
        self._executor, self._ledger, self._listener = executor, ledger, listener
        self._rules, self._stop_requests, self._stops = rules, stop_requests, 0
        self._planned = {one.cell.name: one for one in planned}
        self._rows = {one.cell.name: first_row(one, rules) for one in planned}
        waiting = [name for name, row in self._rows.items() if row.state == "waiting"]
        self._shared = deque(name for name in waiting if not self._rows[name].exclusive)
        self._alone = deque(name for name in waiting if self._rows[name].exclusive)
        self._running, self._running_alone = set[str](), 0
        self._no_space: StorageError | None = None

    def run(self) -> Result:
        """Run everything that is not finished.

        Raises:
            StorageError: the disk is full or not writable; what was finished is kept.
        """
        skipped = sum(row.state == "done" for row in self._rows.values())
        self._ledger.update(self._rows.values())
        while self._submit() or self._running:
            for happened in self._executor.wait():
                if isinstance(happened, CellProgress):
                    self._listener.progressed(happened)
                else:
                    self._end(happened)
            self._listen()
        with contextlib.suppress(StorageError):  # nothing is lost by that
            self._ledger.update(())
        if self._no_space is not None:
            raise self._no_space
        return Result(rows=tuple(self._rows.values()), skipped=skipped, interrupted=self._stops > 0)

    def _submit(self) -> bool:
        """Begin what may begin now; return whether anything waits or runs."""
        while self._shared and len(self._running) < self._executor.slots and not self._running_alone:
            self._start(self._shared.popleft())
        machines = 0 if self._shared else self._executor.machines
        while self._alone and self._running_alone == len(self._running) < machines:
            self._start(self._alone.popleft())
        return bool(self._shared or self._alone or self._running)

    def _start(self, name: str) -> None:
        planned, row = self._planned[name], self._rows[name]
        assert planned.directory is not None
        again = replace(row, state="running", attempts=row.attempts + 1)  # with the reason why it was ended before
        self._running.add(name)
        self._running_alone += row.exclusive
        self._keep(row := replace(again, reason=""))
        self._listener.started(again)
        task = CellTask(
            name=name,
            request=planned.request,
            directory=planned.directory,
            log=self._ledger.folder / _LOGS / f"{row.directory}.log",
            attempt=row.attempts,
            exclusive=row.exclusive,
            threads=planned.threads or row.threads,
            device=planned.device,
            timeout_seconds=self._rules.timeout_seconds,
            memory_limit_mib=self._rules.memory_limit_mib,
        )
        self._executor.submit(task)

    def _end(self, outcome: CellOutcome) -> None:
        """Keep how a cell ended, or put it back to the front."""
        self._running.discard(outcome.name)
        row, planned = self._rows[outcome.name], self._planned[outcome.name]
        assert planned.directory is not None
        self._running_alone -= row.exclusive
        if outcome.state == "no-space":
            self._give_up(StorageError(outcome.reason))
        finished = finished_state(planned.directory)
        may_retry = row.attempts <= self._rules.retries and not self._stops and self._no_space is None
        if finished is None and outcome.state == "killed" and may_retry:
            self._keep(replace(row, state="waiting", reason=outcome.reason))
            (self._alone if row.exclusive else self._shared).appendleft(outcome.name)
            return
        state: CellState = finished or "failed"
        if finished is None and (outcome.state == "unsupported" or outcome.state == "interrupted"):
            state = outcome.state
        reason = "" if state == "done" else outcome.reason
        if outcome.state == "done" and not finished:
            reason = f"its executor says that it is done, and {planned.directory} holds no record"
        row = replace(row, state=state, reason=reason, output=() if finished else outcome.output, seconds=round(outcome.seconds, 3))
        self._keep(row)
        self._listener.ended(row)

    def _keep(self, row: CellRow) -> None:
        self._rows[row.name] = row
        try:
            self._ledger.update([row])
        except StorageError as error:
            self._give_up(error)

    def _give_up(self, error: StorageError) -> None:
        """Begin nothing more on a full disk; what runs may still end well."""
        self._no_space = self._no_space or error
        self._shared.clear()
        self._alone.clear()

    def _listen(self) -> None:
        """Pass on what the user asks for."""
        while self._stops < self._stop_requests():
            self._stops += 1
            self._shared.clear()
            self._alone.clear()
            self._listener.stopping()
            self._executor.interrupt()

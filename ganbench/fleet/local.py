"""The executor that ships: worker processes on this machine, a few at a time, each cell with a limit of time and of memory."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench.fleet import LocalOptions
from ganbench.fleet.executor import CellOutcome, CellProgress, CellTask, Ending, ExecutorContext
from ganbench.fleet.worker import Launch, Printed, Worker, WorkerFailed, kill_group, launch_function, take_in
from ganbench.record.probes import available_cpus
from ganbench.record.serialise import encode

_START_SECONDS = 300.0
"""For a worker's imports."""
_TICK_SECONDS = 0.1
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
"""Signals that a process brings upon itself."""


@dataclass(slots=True)
class _Attempt:
    """A cell that runs."""

    task: CellTask
    worker: Worker
    printed: Printed
    began: float = field(default_factory=time.monotonic)
    started: float | None = None
    """When its process began; None while the worker imports."""
    pid: int = 0
    state: Ending | None = None
    reason: str = ""
    """What the worker said at the end."""
    limit: str = ""
    """The limit for which it was ended."""
    interrupted: bool = False
    """Whether the user wants it to stop."""
    kill_at: float | None = None
    """When force is used; set by the first request to stop."""


class LocalExecutor:
    """Runs cells in worker processes of this machine; their memory is looked at ten times a second.

    An executor of many machines can have one of these on each, in a thread that lives as long as it: the kernel ends a process with the
    thread that started it.

    Args:
        slots: cells at a time.
        grace_seconds: between the request to stop and the end by force.
    """

    def __init__(self, slots: int, *, grace_seconds: float = 15.0) -> None:
        self.slots, self.machines, self._grace = slots, 1, grace_seconds
        self.cpus = available_cpus()
        self._running: list[_Attempt] = []
        self._idle: list[Worker] = []

    def submit(self, task: CellTask) -> None:
        """Give a cell to an idle worker, or to a new one."""
        worker = self._idle.pop() if self._idle else Worker(_launch(task.threads))
        printed = Printed(task.log)
        worker.print_to(printed)
        self._running.append(_Attempt(task, worker, printed))
        with contextlib.suppress(WorkerFailed):  # its end is noticed at the next look
            worker.send(_order(task))

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what has happened within a tenth of a second."""
        take_in([attempt.worker for attempt in self._running], _TICK_SECONDS)
        happened: list[CellProgress | CellOutcome] = []
        for attempt in tuple(self._running):
            happened += self._look_at(attempt)
        return happened

    def interrupt(self) -> None:
        """Ask every running cell to save and stop; the second time end them at once."""
        for attempt in self._running:
            if attempt.interrupted:
                _kill(attempt)
            else:
                attempt.interrupted = True
                self._stop(attempt, signal.SIGINT)

    def close(self) -> None:
        """End all processes."""
        for attempt in self._running:
            _kill(attempt)
            attempt.printed.close()
        for worker in (*self._idle, *(attempt.worker for attempt in self._running)):
            worker.close()
        self._running, self._idle = [], []

    def _look_at(self, attempt: _Attempt) -> list[CellProgress | CellOutcome]:
        """Read what one worker says, hold it to its limits, and see whether it has ended."""
        happened: list[CellProgress | CellOutcome] = []
        code = attempt.worker.exit_code  # asked before the last words are read
        exited = None
        try:
            for message in attempt.worker.messages():
                exited = message.get("exit", exited)
                happened += self._hear(attempt, message)
        except WorkerFailed as error:
            attempt.limit = error.what
            _kill(attempt)
            attempt.worker.signal(signal.SIGKILL)
        if exited is None and code is None:
            self._hold_to_limits(attempt)
            return happened
        self._running.remove(attempt)
        if code is None:
            self._idle.append(attempt.worker)
        else:
            _kill(attempt)  # what outlives its worker
            attempt.worker.close()
        return [*happened, self._outcome(attempt, exited if exited is not None else code or 0)]

    def _hear(self, attempt: _Attempt, message: dict[str, Any]) -> list[CellProgress | CellOutcome]:
        """Note what a worker says."""
        if "started" in message:
            attempt.started, attempt.pid = time.monotonic(), message["started"]
            if attempt.kill_at is not None:
                _kill(attempt)
        elif "end" in message:
            attempt.state, attempt.reason = message["end"]["state"], message["end"]["reason"]
        elif "progress" in message:
            return [CellProgress(**message["progress"])]
        return []

    def _hold_to_limits(self, attempt: _Attempt) -> None:
        task, now = attempt.task, time.monotonic()
        if attempt.kill_at is not None:
            if now >= attempt.kill_at:
                _kill(attempt)
            return
        if attempt.started is None:
            if now - attempt.began > _START_SECONDS:
                attempt.limit = f"the worker was not ready after {_START_SECONDS:g} s"
                self._stop(attempt, signal.SIGKILL)
        elif task.timeout_seconds is not None and now - attempt.started > task.timeout_seconds:
            attempt.limit = f"timeout: it took more than {task.timeout_seconds:g} s"
            self._stop(attempt, signal.SIGTERM)
        elif task.memory_limit_mib is not None and (used := _resident_mib(attempt.pid)) > task.memory_limit_mib:
            attempt.limit = f"memory limit: it used {used:.0f} MiB, and may use {task.memory_limit_mib:g} MiB"
            self._stop(attempt, signal.SIGKILL)

    def _stop(self, attempt: _Attempt, number: int) -> None:
        """Send a running cell a signal; a worker that still imports has nothing to save."""
        if attempt.kill_at is None:
            attempt.kill_at = time.monotonic() + self._grace
        if attempt.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(attempt.pid, number) if number != signal.SIGKILL else _kill(attempt)
        else:
            attempt.worker.signal(signal.SIGKILL)

    def _outcome(self, attempt: _Attempt, code: int) -> CellOutcome:
        attempt.printed.close()
        state, reason = self._judge(attempt, code)
        began = attempt.started if attempt.started is not None else attempt.began
        return CellOutcome(
            name=attempt.task.name,
            state=state,
            reason=reason,
            output=attempt.printed.last_lines() if state in ("failed", "killed", "no-space") else (),
            seconds=time.monotonic() - began,
        )

    def _judge(self, attempt: _Attempt, code: int) -> tuple[Ending, str]:
        """Return how an attempt ended; what the worker said at the end stands above how its process ended."""
        if attempt.state in ("done", "diverged"):
            return attempt.state, attempt.reason
        if attempt.limit:
            return "failed", attempt.limit
        if attempt.state is not None and attempt.state != "interrupted":
            return attempt.state, attempt.reason
        if attempt.interrupted:
            return "interrupted", ""
        if attempt.state == "interrupted":
            return "killed", "a signal from outside stopped it"
        if code >= 0:
            return "failed", f"its process ended with exit code {code} before the run did"
        number = signal.Signals(-code)
        if number in _CRASHES:
            return "failed", f"its process crashed with {number.name}"
        hint = ": by another process, or by the kernel for want of memory" if number == signal.SIGKILL else ""
        return "killed", f"{number.name} from outside ended its process{hint}"


def build(options: LocalOptions, context: ExecutorContext) -> LocalExecutor:
    """Return the executor that ``--executor local`` means."""
    return LocalExecutor(context.jobs, grace_seconds=options.grace_seconds)


def _kill(attempt: _Attempt) -> None:
    """End a cell by force; a worker that has begun nothing ends itself."""
    if attempt.pid:
        kill_group(attempt.pid)
    else:
        attempt.worker.signal(signal.SIGKILL)


def _launch(threads: int) -> Launch:
    """Return how to start a process whose libraries may start so many threads."""
    # OpenBLAS starts its threads when it is imported; with one there is none to lose in a fork, and runs set the number they want.
    environment = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONUNBUFFERED": "1"}
    return launch_function("the process of a cell", "ganbench.fleet.cell_process:serve", environment)


def _order(task: CellTask) -> dict[str, Any]:
    """Return a task as :func:`ganbench.fleet.cell_process.serve` takes it; with a GPU in reach the process is not forked."""
    paths = {"directory": str(task.directory), "log": str(task.log)}
    fork = task.device == "cpu" or not has_gpu()
    return {"name": task.name, "request": encode(task.request), **paths, "threads": task.threads, "fork": fork}


def _resident_mib(pid: int) -> float:
    """Return the resident memory of a process and of all that it has started; 0 where the kernel does not tell.

    Pages that a forked child shares with its parent count for both.
    """
    total, waiting = 0.0, [pid]
    while waiting:
        own = Path("/proc") / str(waiting.pop())
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int((own / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            for task in (own / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return total


def has_gpu() -> bool:
    """Return whether a driver of a GPU is loaded, without loading any library of it."""
    return any(os.path.exists(Path(node)) for node in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))

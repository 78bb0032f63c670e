"""The executor that ships: worker processes on this machine, a few at a time, each cell with a limit of time and of memory."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from ganbench.fleet.capture import Capture
from ganbench.fleet.executor import CellOutcome, CellProgress, CellTask, Ending
from ganbench.fleet.interpreter import has_gpu, kill_group, resident_mib
from ganbench.fleet.worker import Worker

GRACE_SECONDS = 15.0
"""Between the request to stop and the end by force."""
START_SECONDS = 300.0
"""For a worker's imports."""
_TICK_SECONDS = 0.1
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
"""Signals that a process brings upon itself."""


@dataclass(slots=True)
class _Attempt:
    """A cell that runs."""

    task: CellTask
    worker: Worker
    capture: Capture
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

    Args:
        slots: cells at a time.
        grace_seconds: between the request to stop and the end by force.
    """

    def __init__(self, slots: int, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self.slots, self._grace = slots, grace_seconds
        self._running: list[_Attempt] = []
        self._idle: list[Worker] = []

    def submit(self, task: CellTask) -> None:
        """Give a cell to an idle worker, or to a new one."""
        worker = self._idle.pop() if self._idle else Worker(task.threads)
        self._running.append(_Attempt(task, worker, Capture(task.log)))
        worker.order(task.request, task.directory, task.threads, fork=task.device == "cpu" or not has_gpu())

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what has happened within a tenth of a second."""
        descriptors = [d for one in self._running for d in (one.worker.events, one.worker.output)]
        select.select(descriptors, [], [], _TICK_SECONDS)
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
            attempt.capture.close()
        for worker in (*self._idle, *(attempt.worker for attempt in self._running)):
            worker.close()
        self._running, self._idle = [], []

    def _look_at(self, attempt: _Attempt) -> list[CellProgress | CellOutcome]:
        """Read what one worker says, hold it to its limits, and see whether it has ended."""
        found: list[CellProgress | CellOutcome] = []
        code = attempt.worker.exit_code  # asked before the last words are read
        attempt.capture.add(attempt.worker.read_output())
        exited = None
        for message in attempt.worker.read_events():
            exited = message["code"] if message["event"] == "exit" else exited
            found += self._take(attempt, message)
        if exited is None and code is None:
            self._hold_to_limits(attempt)
            return found
        attempt.capture.add(attempt.worker.read_output())
        self._running.remove(attempt)
        if code is None:
            self._idle.append(attempt.worker)
        else:
            _kill(attempt)  # what outlives its worker
            attempt.worker.close()
        return [*found, self._outcome(attempt, exited if exited is not None else code or 0)]

    def _take(self, attempt: _Attempt, message: dict[str, Any]) -> list[CellProgress | CellOutcome]:
        """Note what a worker says."""
        event = message.pop("event")
        if event == "started":
            attempt.started, attempt.pid = time.monotonic(), message["pid"]
            if attempt.kill_at is not None:
                _kill(attempt)
        elif event == "end":
            attempt.state, attempt.reason = message["state"], message["reason"]
        elif event == "progress":
            return [CellProgress(name=attempt.task.name, **message)]
        return []

    def _hold_to_limits(self, attempt: _Attempt) -> None:
        task, now = attempt.task, time.monotonic()
        if attempt.kill_at is not None:
            if now >= attempt.kill_at:
                _kill(attempt)
            return
        if attempt.started is None:
            if now - attempt.began > START_SECONDS:
                attempt.limit = f"the worker was not ready after {START_SECONDS:g} s"
                self._stop(attempt, signal.SIGKILL)
        elif task.timeout_seconds is not None and now - attempt.started > task.timeout_seconds:
            attempt.limit = f"timeout: it took more than {task.timeout_seconds:g} s"
            self._stop(attempt, signal.SIGTERM)
        elif task.memory_limit_mib is not None and (used := resident_mib(attempt.pid)) > task.memory_limit_mib:
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
        attempt.capture.close()
        state, reason = self._judge(attempt, code)
        began = attempt.started if attempt.started is not None else attempt.began
        return CellOutcome(
            name=attempt.task.name,
            state=state,
            reason=reason,
            output=attempt.capture.last_lines() if state in ("failed", "killed", "no-space") else (),
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


def _kill(attempt: _Attempt) -> None:
    """End a cell by force; a worker that has begun nothing ends itself."""
    if attempt.pid:
        kill_group(attempt.pid)
    else:
        attempt.worker.signal(signal.SIGKILL)

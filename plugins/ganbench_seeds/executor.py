"""The executor's end in the matrix's process: cells wait until a process is free, are grouped, and run as ``local`` does where none is."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ganbench import CellOutcome, CellProgress, CellTask, ExecutorContext, LocalExecutor, Worker, WorkerFailed, launch_function, take_in
from ganbench_seeds import SeedsOptions
from ganbench_seeds.groups import grouped, order_of

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONUNBUFFERED": "1"}
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGFPE", "SIGBUS", "SIGILL", "SIGTRAP", "SIGSYS")
"""Signals that a process brings upon itself."""


@dataclass(slots=True)
class _Group:
    """Cells that are trained together, and the process that does it."""

    tasks: dict[str, CellTask]
    """Those of which no outcome was told."""
    worker: Worker
    began: float = field(default_factory=time.monotonic)
    kill_at: float | None = None


class SeedsExecutor:
    """Trains seeds together, on this machine.

    Args:
        options: as the user gave them.
        context: of the matrix; ``--jobs`` processes at a time, each of one group or of one cell.
    """

    def __init__(self, options: SeedsOptions, context: ExecutorContext) -> None:
        self._options, self._jobs = options, context.jobs
        self._local = LocalExecutor(context.jobs, grace_seconds=options.grace_seconds)
        self.slots, self.machines, self.cpus = context.jobs, 1, self._local.cpus  # by which a process's threads are counted
        self._waiting: list[CellTask] = []
        self._alone: deque[CellTask] = deque()
        self._ready: deque[list[CellTask]] = deque()
        self._groups: list[_Group] = []
        self._running_alone = 0
        self._interrupted = False

    def submit(self, task: CellTask) -> None:
        """Take a cell; it begins when a process is free, with all others that have come until then."""
        self.slots = self._jobs * self._options.seeds
        self._waiting.append(task)

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Begin what may begin, and return what has happened within a fifth of a second."""
        if self._interrupted:
            return [*self._let_go(), *self._look()]
        self._begin()
        return self._look()

    def interrupt(self) -> None:
        """Ask every running cell to save and stop; the second time end them at once."""
        for group in self._groups:
            if self._interrupted:
                group.worker.signal(signal.SIGKILL)
            else:
                group.worker.signal(signal.SIGINT)
                group.kill_at = time.monotonic() + self._options.grace_seconds
        self._interrupted = True
        self._local.interrupt()

    def close(self) -> None:
        """End all processes."""
        for group in self._groups:
            group.worker.close()
        self._groups = []
        self._local.close()

    def _begin(self) -> None:
        """Start processes as long as there may be one more; only then is it settled who is grouped with whom."""
        while len(self._groups) + self._running_alone < self._jobs:
            if self._waiting and not self._ready:
                groups, alone = grouped(self._waiting, most=self._options.seeds, parts=self._jobs)
                self._ready.extend(groups)
                self._alone.extend(alone)
                self._waiting = []
            if self._ready:
                self._start(self._ready.popleft())
            elif self._alone:
                self._running_alone += 1
                self._local.submit(self._alone.popleft())
            else:
                return

    def _start(self, tasks: list[CellTask]) -> None:
        environment = {**_ENVIRONMENT, "OMP_NUM_THREADS": str(tasks[0].threads)}
        worker = Worker(launch_function("the process of a group", "ganbench_seeds.process:serve", environment))
        self._groups.append(_Group({task.name: task for task in tasks}, worker))
        with contextlib.suppress(WorkerFailed):  # its end is noticed at the next look
            worker.send({"tasks": [order_of(task) for task in tasks], "only_if_faster": self._options.only_if_faster})

    def _look(self) -> list[CellProgress | CellOutcome]:
        """Return what groups and cells alone say."""
        take_in([group.worker for group in self._groups], _TICK_SECONDS if self._groups else 0.0)
        happened: list[CellProgress | CellOutcome] = []
        for group in tuple(self._groups):
            happened += self._look_at(group)
        if self._running_alone or not self._groups:
            of_local = self._local.wait()
            self._running_alone -= sum(isinstance(one, CellOutcome) for one in of_local)
            happened += of_local
        return happened

    def _look_at(self, group: _Group) -> list[CellProgress | CellOutcome]:
        code = group.worker.exit_code  # asked before the last words are read
        happened: list[CellProgress | CellOutcome] = []
        try:
            for message in group.worker.messages():
                happened += self._hear(group, message)
        except WorkerFailed as error:
            group.worker.signal(signal.SIGKILL)
            logger.warning("%s", error.what)
        if code is None and group.kill_at is not None and time.monotonic() >= group.kill_at:
            group.worker.signal(signal.SIGKILL)
        if code is None:
            return happened
        self._groups.remove(group)
        happened += self._ended(group, code)
        group.worker.close()
        return happened

    def _hear(self, group: _Group, message: dict[str, Any]) -> list[CellProgress | CellOutcome]:
        if "progress" in message:
            return [CellProgress(**message["progress"])]
        if "end" in message:
            end = message["end"]
            group.tasks.pop(end["name"])
            return [CellOutcome(**{**end, "output": tuple(end["output"])})]
        if "alone" in message:
            left = [group.tasks.pop(name) for name in message["alone"]["names"]]
            logger.warning("%s run alone: %s", f"{len(left)} seeds", message["alone"]["reason"])
            self._alone.extend(left)
        return []

    def _ended(self, group: _Group, code: int) -> list[CellOutcome]:
        """Return the outcomes of cells that the process did not speak of, and keep what it printed."""
        words = group.worker.last_words()
        left, group.tasks = group.tasks, {}
        name = signal.Signals(-code).name if code < 0 else ""
        if left and not self._interrupted and (code >= 0 or name in _CRASHES):
            how = f"crashed with {name}" if name else f"ended with exit code {code}"
            logger.warning("the process of %d seeds %s before they did (%s); they run alone", len(left), how, words[-1] if words else "")
            self._alone.extend(left.values())
            return []
        seconds = time.monotonic() - group.began
        if self._interrupted:
            return [CellOutcome(name=one, state="interrupted", seconds=seconds) for one in left]
        hint = ": by another process, or by the kernel for want of memory" if name == "SIGKILL" else ""
        reason = f"{name} from outside ended the process of all its seeds{hint}"
        return [CellOutcome(name=one, state="killed", reason=reason, output=words, seconds=seconds) for one in left]

    def _let_go(self) -> list[CellOutcome]:
        """Return the outcomes of cells that have not begun, when the user wants to stop."""
        tasks = [*self._waiting, *self._alone, *(task for group in self._ready for task in group)]
        self._waiting, self._alone, self._ready = [], deque(), deque()
        return [CellOutcome(name=task.name, state="interrupted") for task in tasks]


def build(options: SeedsOptions, context: ExecutorContext) -> SeedsExecutor:
    """Return the executor that ``--executor seeds`` means."""
    return SeedsExecutor(options, context)

"""The process of a group: it builds the runs of all its seeds, trains them as one, and tells how each ended.

Answers: ``progress`` and ``end`` of a cell, and ``alone``: cells that it leaves to a process of their own, with the reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any, TextIO

import torch

from ganbench import (
    CellProgress,
    CellTask,
    Dataset,
    Evaluated,
    Event,
    GanbenchError,
    Interrupted,
    Message,
    PluginManager,
    Progressed,
    Registered,
    RunPlan,
    Saved,
    Started,
    StorageError,
    plan,
)
from ganbench_seeds.groups import task_of
from ganbench_seeds.member import SeedRun, is_adversarial, why_alone
from ganbench_seeds.stack import Stack, StackFailed
from ganbench_seeds.trial import Trial, try_together

Say = Callable[[dict[str, Any]], None]

_PROGRESS_SECONDS = 0.5
_LAST_LINES = 12
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
logger = logging.getLogger(__name__)


def serve(orders: Iterable[str], say: Say) -> None:
    """Train the groups that are ordered, one after another."""
    logging.captureWarnings(True)
    stop = _Stop()
    for line in orders:
        order = json.loads(line)
        group = _Group([task_of(one) for one in order["tasks"]], say, stop, only_if_faster=order["only_if_faster"])
        try:
            group.run()
        finally:
            group.close()
        sys.stderr.flush()
        os._exit(0)  # as the process of a cell does: what a library still runs is nobody's affair


class _Stop:
    """A signal that asks the process to stop: all runs save between two steps."""

    def __init__(self) -> None:
        self.requested = False
        for name in _SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._handle)

    def __call__(self) -> bool:
        return self.requested

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True


class _Cell:
    """One cell of the group: its run, its log, and what is told of it."""

    def __init__(self, task: CellTask, say: Say) -> None:
        self.task, self._say = task, say
        self.run: SeedRun
        self.happened = self.has_ended = False
        self._began, self._last = time.monotonic(), 0.0
        self._log = contextlib.ExitStack()
        self._file: TextIO | None = None

    def hear(self, event: Event) -> None:
        """Note that something was due, keep it in the run's log, and tell how far the run is."""
        match event:
            case Started():
                self._file = self._log.enter_context((event.directory / "log.txt").open("a", encoding="utf-8"))
                self._write(event.description)
            case Message():
                self._write(event.text)
            case Evaluated(evaluation=evaluation):
                values = "  ".join(f"{value.label} {value.value:.4g}" for value in evaluation.values)
                self._write(f"{evaluation.samples_seen / 1000:.1f} kimg  {values}")
            case Progressed():
                self._tell_progress(event)
        self.happened |= isinstance(event, (Evaluated, Progressed, Saved))

    def end(self, state: str, reason: str = "", output: Sequence[str] = ()) -> None:
        """Tell how the cell ended, and close its files."""
        self.has_ended = True
        self.close()
        plain = " ".join(reason.split()).encode("ascii", "backslashreplace").decode()[:1000]
        seconds = time.monotonic() - self._began
        self._say({"end": {"name": self.task.name, "state": state, "reason": plain, "output": list(output), "seconds": seconds}})

    def begin(self) -> None:
        """Do what is due before the first step."""
        self._act(self.run.do_what_is_due)

    def step(self, iteration: int, samples_seen: int) -> None:
        """Take a step and do what is due after it; a run that ends there is ended."""
        self._act(lambda: self.run.step(iteration, samples_seen))
        if not self.has_ended and self.run.is_at_its_end:
            self._conclude()

    def close(self) -> None:
        """Close the run's files; more than once does no harm."""
        self._log.close()
        if hasattr(self, "run"):
            self.run.close()

    def _act(self, act: Callable[[], None]) -> None:
        """Do something of this cell, and end it, and it alone, where that fails."""
        try:
            act()
        except StackFailed:
            raise
        except Exception as error:
            self._conclude(error)

    def _conclude(self, error: Exception | None = None) -> None:
        """Write the record, and tell how the cell ended."""
        try:
            record = self.run.conclude(error)
        except Interrupted:
            self.end("interrupted")
        except StorageError as failure:
            self.end("no-space", str(failure))
        except Exception as failure:
            reason = failure.what if isinstance(failure, GanbenchError) else f"{type(failure).__name__}: {failure}"
            self.end("failed", reason, traceback.format_exc().splitlines()[-_LAST_LINES:])
        else:
            self.end("done" if record.status == "complete" else "diverged", record.status_detail)

    def _tell_progress(self, event: Progressed) -> None:
        if (now := time.monotonic()) - self._last >= _PROGRESS_SECONDS:
            self._last = now
            fields = ("samples_seen", "total_samples", "samples_per_second", "unit")
            progress = CellProgress(name=self.task.name, **{name: getattr(event, name) for name in fields})
            self._say({"progress": dataclasses.asdict(progress)})

    def _write(self, text: str) -> None:
        if self._file is not None:
            self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} INFO {__name__} {text}\n")
            self._file.flush()


class _Group:
    """All cells of an order."""

    def __init__(self, tasks: Sequence[CellTask], say: Say, stop: Callable[[], bool], *, only_if_faster: bool) -> None:
        self._cells, self._say, self._stop, self._only_if_faster = [_Cell(task, say) for task in tasks], say, stop, only_if_faster

    @property
    def _going(self) -> list[_Cell]:
        return [cell for cell in self._cells if not cell.has_ended]

    def run(self) -> None:
        """Train all cells, or leave them to others."""
        if not (self._build() and self._try()):
            return
        for cell in self._going:
            try:
                cell.run.open(cell.task.directory)
            except Exception as error:  # what it is, the process of the cell alone says in full
                self._leave([cell], f"{type(error).__name__}: {error}")
        for cell in self._going:
            cell.begin()
        while going := self._going:
            first = min(cell.run.iteration for cell in going)
            later = [cell.run.iteration for cell in going if cell.run.iteration > first]
            self._train([cell for cell in going if cell.run.iteration == first], min(later, default=None))

    def close(self) -> None:
        """Close all files."""
        for cell in self._cells:
            cell.close()

    def _build(self) -> bool:
        """Build the runs; tell whether there are some to be trained together."""
        request = self._cells[0].task.request
        torch.set_num_threads(self._cells[0].task.threads)
        manager, shared = PluginManager(off=request.off), _Shared()
        for cell in self._cells:
            if self._stop():
                return self._interrupted()
            try:
                planned = shared.dataset_of(_plan(cell.task, manager))
                if not is_adversarial(planned):
                    return self._leave(self._going, f"{planned.architecture.spec.name} has an iteration of its own")
                cell.run = SeedRun(planned, manager, listeners=(cell.hear,), should_stop=self._stop)
            except Exception as error:
                self._leave([cell], f"{type(error).__name__}: {error}")
        if len(going := self._going) < 2:
            return self._leave(going, "no other seed is left to train it with")
        reason = why_alone(going[0].run)
        return not reason or self._leave(going, reason)

    def _try(self) -> bool:
        """Take a few steps both ways, and take them back; tell whether the seeds are to be trained together."""
        try:
            trial: Trial = try_together([cell.run.algorithm for cell in self._going], self._stop)
        except Interrupted:
            return self._interrupted()
        except Exception as error:
            return self._leave(self._going, f"{type(error).__name__}: {error}")
        logger.info("%s", trial)
        if not trial.repeats:
            return self._leave(self._going, f"together they do not repeat what each does alone ({trial.difference})")
        if self._only_if_faster and not trial.is_faster:
            return self._leave(self._going, f"together they are no faster: {trial}")
        return True

    def _train(self, cells: list[_Cell], until: int | None) -> None:
        """Train cells that are equally far, until one of them ends or they reach others.

        The seeds take turns in leading: a step is on the clock of the one that leads, which makes each one's time its share. Nobody else
        looks at it until something is due.
        """
        iteration = cells[0].run.iteration
        stack = Stack([cell.run.algorithm for cell in cells], iteration)
        for index, cell in enumerate(cells):
            cell.run.algorithm.join(stack, index)
        seen = cells[0].run.trained.counters.samples_seen
        try:
            while iteration != until and not any(cell.has_ended for cell in cells):
                leader = cells[iteration % len(cells)]
                leader.happened = False
                leader.step(iteration, seen)
                if leader.happened or leader.has_ended:
                    for other in cells:
                        if other is not leader:
                            other.step(iteration, seen)
                seen += stack.samples_shown(iteration)
                iteration += 1
            self._part(cells, iteration, seen)
        except StackFailed as error:
            for cell in cells:  # they stand where they saved last: nothing of half a step is kept
                cell.close()
            self._leave([cell for cell in cells if not cell.has_ended], str(error))

    def _part(self, cells: Sequence[_Cell], iteration: int, seen: int) -> None:
        """Let those that go on stand where the stack is."""
        for cell in cells:
            if not cell.has_ended:
                cell.run.stand_at(iteration, seen)
                cell.run.algorithm.leave()

    def _leave(self, cells: Sequence[_Cell], reason: str) -> bool:
        """Leave cells to processes of their own."""
        for cell in cells:
            cell.has_ended = True
            cell.close()
        if cells:
            self._say({"alone": {"names": [cell.task.name for cell in cells], "reason": " ".join(reason.split())[:1000]}})
        return False

    def _interrupted(self) -> bool:
        for cell in self._going:
            cell.end("interrupted")
        return False


class _Shared:
    """One dataset for all runs of the group."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def dataset_of(self, planned: RunPlan) -> RunPlan:
        """Return the plan with a dataset that is built once."""
        one = planned.dataset
        once = _Once(self._built, spec=one.spec, distribution=one.distribution, version=one.version, entry=one.entry)
        return dataclasses.replace(planned, dataset=once)


class _Once(Registered[Any]):
    """A registered dataset that remembers what it built."""

    def __init__(self, built: dict[str, Any], **fields: Any) -> None:
        super().__init__(**fields)
        self._built = built

    def build(self, *arguments: Any) -> Any:
        """Return what it builds of these arguments, which is the same object for the same ones."""
        made: Dataset = self._built.get(repr(arguments)) or super().build(*arguments)
        return self._built.setdefault(repr(arguments), made)


def _plan(task: CellTask, manager: PluginManager) -> RunPlan:
    """Return the plan of a cell, as the process of a cell alone makes it."""
    settings = {**task.request.settings, "training.threads": task.threads}
    planned = plan(task.request.plugin, settings=settings, options=task.request.options, manager=manager)
    origins = {path: "matrix" if origin == "Python" else origin for path, origin in planned.origins.items()}
    return dataclasses.replace(planned, origins=origins)

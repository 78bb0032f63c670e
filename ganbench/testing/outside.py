"""What reporters, executors and commands promise: plugins around a run."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.fleet.executor import CellOutcome, CellRequest, CellTask, ExecutorContext
from ganbench.record.events import Event, Message, ReporterContext
from ganbench.run.call import run
from ganbench.testing.promise import Broken, NotClaimed, Subject, promise
from ganbench.testing.trial import PARTNER, SMALL

_SHORT = {**SMALL, "training.total_kimg": 0.05}
_PATIENCE_SECONDS = 120.0
_MEMBERS = ("slots", "machines", "cpus", "submit", "wait", "interrupt", "close")


@promise("reporter")
def it_hears_a_whole_run(subject: Subject) -> None:
    """It takes every event of a run, prints nothing to stdout, and does not mind one that it does not know."""
    listener: Any = subject.build(ReporterContext(quiet=True))
    if not callable(listener):
        raise Broken(f"the factory returns a {type(listener).__name__}", remedy="return a function of one event")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for event in [*events_of_a_run(), Event(), Message(text="the last one")]:
            try:
                listener(event)
            except Exception as error:
                what = f"it raises {type(error).__name__} at {type(event).__name__}: {error}"
                raise Broken(what, remedy="look at the events that you know, and let the others pass") from None
    if printed.getvalue():
        raise Broken("it prints to stdout, which carries results", remedy="write to a file or to stderr")


def events_of_a_run() -> list[Event]:
    """Return the events of a short run of the smallest GAN."""
    heard: list[Event] = []
    with tempfile.TemporaryDirectory() as folder:
        run(PARTNER, settings=dict(_SHORT), out=Path(folder) / "run", on_event=heard.append)
    return heard


@promise("executor")
def it_runs_a_cell_to_its_record(subject: Subject) -> None:
    """A cell that is submitted ends with one outcome, and its record stands where the task says."""
    with tempfile.TemporaryDirectory() as folder, _executor(subject, Path(folder)) as executor:
        task = CellTask(
            name="trial",
            request=CellRequest(plugin=PARTNER, settings=dict(_SHORT)),
            directory=Path(folder) / "trial",
            log=Path(folder) / "trial.log",
        )
        executor.submit(task)
        outcomes: list[CellOutcome] = []
        until = time.monotonic() + _PATIENCE_SECONDS
        while not outcomes and time.monotonic() < until:
            outcomes += [one for one in executor.wait() if isinstance(one, CellOutcome)]
        if not outcomes:
            raise Broken(
                f"a cell of a second had no outcome after {_PATIENCE_SECONDS:.0f} seconds", remedy="tell an outcome for every attempt"
            )
        if outcomes[0].name != "trial" or outcomes[0].state != "done":
            raise Broken(
                f"the cell ended as {outcomes[0].state!r} under the name {outcomes[0].name!r}",
                remedy="pass on the task's name, and run what its request asks for",
            )
        if not os.path.isfile(task.directory / "record.json"):
            raise Broken(
                "the cell is done, and its directory holds no record.json",
                remedy="bring the run's directory to task.directory before the outcome is told",
            )


@contextlib.contextmanager
def _executor(subject: Subject, folder: Path) -> Iterator[Any]:
    executor: Any = subject.build(ExecutorContext(jobs=1, folder=folder))
    missing = [name for name in _MEMBERS if not hasattr(executor, name)]
    if missing:
        raise Broken(f"the executor has no {missing[0]}", remedy="see ganbench.Executor for what an executor has")
    try:
        yield executor
    finally:
        executor.close()


@promise("command")
def its_help_is_there(subject: Subject) -> None:
    """``ganbench NAME --help`` answers, with a sentence that says what it does."""
    if not subject.registered.entry:
        raise NotClaimed("a command is found by its entry point")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-m", "ganbench", subject.spec.name, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Broken(
            f"ganbench {subject.spec.name} --help ends with {done.returncode}: {last}",
            remedy="its factory is a click command or a function of (options, invocation)",
        )
    if "Usage:" not in done.stdout:
        raise Broken("its help has no usage line", remedy="let click print the help")

"""One cell: an ordinary run, whose progress and end are told; and the process that runs cells of this machine, each in a fork.

The process imports the harness once, so that a cell costs a fraction of a second. It computes nothing itself: what has started threads, run
a backward pass or opened a GPU must not be forked. Where a fork is not safe the cell is run in this process, which then ends. It answers an
order with ``started`` (a process id), ``progress`` and ``end``, and after a fork with ``exit`` (the exit code, or minus the signal).
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import torch

from ganbench.config.model import part_of
from ganbench.config.resolve import Layer, flatten
from ganbench.errors import ConfigError, Interrupted, PluginError, PluginFailed, StorageError, UsageError
from ganbench.fleet.executor import CellOutcome, CellProgress, CellRequest, CellTask, Ending
from ganbench.fleet.worker import Say, die_with_parent, kill_group, stop_signals
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory, open_log
from ganbench.record.events import Evaluated, Event, Listener, Message, Progressed, ReporterContext, Started
from ganbench.record.record import RunRecord
from ganbench.run.lifecycle import Run
from ganbench.run.plan import RunPlan, plan_again, plan_run
from ganbench.run.reporters import build_reporters
from ganbench.text import resume_command

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 0.5
_LONGEST_REASON = 1000
"""A message must fit into one write to a pipe."""
_LAST_LINES = 12
_OOM_SCORE = "600"
"""Between an ordinary process (0) and the first choice of the kernel's OOM killer (1000)."""
_USED_BY_MOST = ("ganbench.record.curves", "matplotlib.backends.backend_agg", "torchvision.datasets")
"""Imported before the forks because nearly every run needs them; a library that is broken is the run's affair."""


def run_cell(
    task: CellTask,
    *,
    tell: Callable[[CellProgress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    training: Callable[[], None] = lambda: None,
) -> CellOutcome:
    """Run a cell in this process, from its start or from where it was interrupted, and return how it ended, whatever that is.

    One at a time in a process, since a run chooses the process's threads and numerics. Limits of time and memory, and a plugin that ends
    its process, are the affair of whoever looks after this process.

    Args:
        task: what to run, and where.
        tell: told how far the run is, twice a second at most.
        stop: asked after each step; True saves and ends the run.
        training: told that the run has a directory, so that from here on there is something to save.
    """
    began = time.monotonic()
    output: tuple[str, ...] = ()
    listener = _CellListener(task.name, tell, training)
    state: Ending
    try:
        with _logging(), contextlib.closing(listener):
            record = _run(task, listener, stop)
        state, reason = ("done", "") if record.status == "complete" else ("diverged", record.status_detail)
    except (Interrupted, KeyboardInterrupt):
        state, reason = "interrupted", ""
    except StorageError as error:
        state, reason = "no-space", str(error)
    except UsageError as error:
        state, reason = ("unsupported" if _is_unsupported(error) else "failed"), str(error)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        state, output = "failed", tuple(traceback.format_exc().splitlines()[-_LAST_LINES:])
        reason = error.what if isinstance(error, PluginFailed) else f"{type(error).__name__}: {error}"
    return CellOutcome(name=task.name, state=state, reason=" ".join(reason.split()), output=output, seconds=time.monotonic() - began)


class _CellListener:
    """Tells how far a cell is, and that its run has a directory, and keeps the run's log."""

    def __init__(self, name: str, tell: Callable[[CellProgress], None], training: Callable[[], None]) -> None:
        self._name, self._tell, self._training = name, tell, training
        self._last = 0.0
        self._log: logging.Handler = logging.NullHandler()

    def __call__(self, event: Event) -> None:
        """Log what happened; progress is told, twice a second at most."""
        match event:
            case Started():
                self._training()  # from here on there is something to keep
                self._log = open_log(event.directory)
                logger.info(event.description)
            case Message():
                logger.info(event.text)
            case Evaluated(evaluation=evaluation):
                values = "  ".join(f"{value.label} {value.value:.4g}" for value in evaluation.values)
                logger.info("%.1f kimg  %s", evaluation.samples_seen / 1000, values)
            case Progressed():
                self._tell_progress(event)

    def _tell_progress(self, event: Progressed) -> None:
        now = time.monotonic()
        if now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            self._tell(
                CellProgress(
                    name=self._name,
                    samples_seen=event.samples_seen,
                    total_samples=event.total_samples,
                    samples_per_second=event.samples_per_second,
                    unit=event.unit,
                )
            )

    def close(self) -> None:
        """Close the log."""
        self._log.close()


def _is_unsupported(error: UsageError) -> bool:
    """Tell a combination that cannot be from what is broken: a configuration, or a value that a plugin's factory refused."""
    return isinstance(error, ConfigError) or (isinstance(error, PluginError) and isinstance(error.__cause__, ValueError))


def _run(task: CellTask, listener: _CellListener, stop: Callable[[], bool]) -> RunRecord:
    manager = PluginManager(off=task.request.off)
    listeners: tuple[Listener, ...] = (listener, *build_reporters(manager, task.request.reporters, ReporterContext(quiet=True)))
    path = task.directory
    layers = [Layer(origin="matrix", settings=task.request.settings)]
    layers.append(Layer(origin="matrix", settings={"training.threads": task.threads}))
    plan = plan_run(manager, task.request.plugin, layers, task.request.options)
    if os.path.isfile(path / "config.toml"):
        directory = RunDirectory.resume(path)
        with contextlib.closing(directory):
            places = {name: value for name, value in flatten(plan.config).items() if part_of(name, plan.config) == "place"}
            plan = plan_again(manager, directory.config_path, settings=places)
            try:
                return _build(plan, manager, listeners, stop).resume(directory)
            except UsageError as error:
                hint = f"remove {path} to run the cell from its start, or force it with `{resume_command(path, '--force')}`"
                raise UsageError(f"it cannot be resumed: {error.what}", hint=hint) from error
    return _build(plan, manager, listeners, stop).start(lambda _: RunDirectory.create_at(path))


def _build(plan: RunPlan, manager: PluginManager, listeners: Iterable[Listener], stop: Callable[[], bool]) -> Run:
    # Networks are checked and reference features made before a run chooses its thread count.
    torch.set_num_threads(plan.config.training.threads or 1)
    return Run(plan, manager, listeners=listeners, should_stop=stop)


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Print warnings, and let the run's log have everything of ganbench."""
    printed = logging.StreamHandler()
    printed.setLevel(logging.WARNING)
    printed.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    root, ours = logging.getLogger(), logging.getLogger("ganbench")
    level = ours.level
    root.addHandler(printed)
    ours.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        ours.setLevel(level)
        root.removeHandler(printed)


def serve(orders: Iterable[str], say: Say) -> None:
    """Run the cells that are ordered, one after another."""
    for name in _USED_BY_MOST:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()
    for line in orders:
        order = json.loads(line)
        fork = order.pop("fork") and threading.active_count() == 1 and not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        directory, log = Path(order.pop("directory")), Path(order.pop("log"))
        task = CellTask(request=CellRequest(**order.pop("request")), directory=directory, log=log, **order)
        if fork:
            _fork(task, say)
        else:
            _carry_out(task, say)


def _fork(task: CellTask, say: Say) -> None:
    """Run a cell in a child and wait for its end; what the child has started ends with it."""
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        die_with_parent(server)
        _carry_out(task, say)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    kill_group(pid)
    say({"exit": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})


def _carry_out(task: CellTask, say: Say) -> None:
    """Run a cell and leave the process."""
    code = 1
    try:
        _prefer_for_oom()
        faulthandler.enable()
        stop = Stop()
        stop.listen()
        say({"started": os.getpid()})
        outcome = run_cell(task, tell=lambda progress: say({"progress": asdict(progress)}), stop=stop, training=stop.begin_training)
        reason = outcome.reason.encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]
        say({"end": {"state": outcome.state, "reason": reason}})
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class Stop:
    """SIGINT, SIGTERM or SIGHUP: before training it ends the process, in training it asks for a checkpoint."""

    def __init__(self) -> None:
        self.training = self.requested = False

    def __call__(self) -> bool:
        """Tell whether training should stop."""
        return self.requested

    def begin_training(self) -> None:
        """From now on there is something to save."""
        self.training = True

    def listen(self) -> None:
        """Handle the signals from now on."""
        for number in stop_signals():
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self.training:
            raise KeyboardInterrupt


def _prefer_for_oom() -> None:
    """Let the kernel's OOM killer take this process rather than the one that looks after it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)

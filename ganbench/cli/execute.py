"""A run from the command line: signals, logging, progress, and what is printed at the end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import click

from ganbench.errors import Interrupted
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.record.events import Event, Started
from ganbench.record.record import RunRecord
from ganbench.report.live_run import LineScreen, make_screen
from ganbench.run.lifecycle import Run, run_directory_name
from ganbench.run.plan import RunPlan


class StopSignal:
    """Ctrl-C or SIGTERM: before training it ends the program; in training the first asks for a checkpoint, the second kills."""

    def __init__(self) -> None:
        self.training = False
        self.requested = False
        self.directory: Path | None = None

    def __call__(self) -> bool:
        """Tell whether training should stop."""
        return self.requested

    def listen(self, event: Event) -> None:
        """Learn from a run where it lies, and that there is something to keep."""
        if isinstance(event, Started):
            self.training, self.directory = True, event.directory

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals inside the block."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._handle) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.training:
            raise KeyboardInterrupt
        self.requested = True
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        # Past Python's buffers, which the signal may have caught in the middle of a write; a live line hides the cursor, and the second
        # signal leaves no time to show it again.
        show_cursor = "\x1b[?25h\r\n" if os.isatty(2) else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{show_cursor}ganbench: stopping after this step and saving; Ctrl-C again kills\n".encode())


def execute_new(
    plan: RunPlan,
    manager: PluginManager,
    *,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Run from the start and return the exit code."""
    stop = StopSignal()
    if out is not None:
        out = out.resolve() if ".." in out.parts else out  # `new/../old` must not make `new`
        RunDirectory.check_free(out)  # before the data are read; and again when the directory is made

    def choose(dataset_name: str) -> RunDirectory:
        config = plan.config
        stop.training = True  # from here on there is something to keep
        if out is not None:
            return RunDirectory.create_at(out)
        return RunDirectory.create(name=config.name, dataset=dataset_name, seed=config.training.seed)

    return _execute(plan, manager, lambda run: run.start(choose), stop, quiet=quiet, as_json=as_json, debug=debug)


def execute_resumed(
    directory: RunDirectory,
    plan: RunPlan,
    manager: PluginManager,
    *,
    force: bool,
    quiet: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Go on with a run and return the exit code."""

    def go_on(run: Run) -> RunRecord:
        return run.resume(directory, force=force)

    return _execute(plan, manager, go_on, StopSignal(), quiet=quiet, as_json=as_json, debug=debug)


def _execute(
    plan: RunPlan,
    manager: PluginManager,
    execute: Callable[[Run], RunRecord],
    stop: StopSignal,
    *,
    quiet: bool,
    as_json: bool,
    debug: bool,
) -> int:
    screen = make_screen(quiet=quiet)
    with _logging(debug, screen), stop.listening():
        try:
            with screen:
                record = execute(Run(plan, manager, listeners=(stop.listen, screen), should_stop=stop))
        except Interrupted as error:
            assert stop.directory is not None
            raise Interrupted(str(error), hint=f"go on with: ganbench run --resume {run_directory_name(stop.directory)}") from error
        except Exception:
            logging.getLogger("ganbench").debug("the run failed", exc_info=True)
            raise
    assert stop.directory is not None
    _print_result(record, stop.directory, as_json=as_json, quiet=quiet)
    return 0 if record.status == "complete" else 3


@contextlib.contextmanager
def _logging(debug: bool, screen: LineScreen) -> Iterator[None]:
    """Send warnings to stderr as one line each, and everything to the run's log once there is one."""
    root, ours = logging.getLogger(), logging.getLogger("ganbench")
    handler = _LineHandler(screen, logging.DEBUG if debug else logging.WARNING)
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.DEBUG)
    with warnings.catch_warnings():
        logging.captureWarnings(True)
        warnings.simplefilter("once")
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)
            root.setLevel(before[0])
            ours.setLevel(before[1])


class _LineHandler(logging.Handler):
    """Prints records as ``warning: text``, and what is downloaded, so that nobody waits without knowing for what.

    Args:
        screen: prints them.
        least: the lowest level that is printed.
    """

    def __init__(self, screen: LineScreen, least: int) -> None:
        super().__init__()
        self._screen, self._least = screen, least

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        if record.name == "ganbench.download":
            self._screen.notice(text)
        elif record.levelno >= self._least and record.name != "py.warnings":  # other libraries' warnings belong in the log
            self._screen.message(f"{record.levelname.lower()}: {text}")


def _print_result(record: RunRecord, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Print the record or the table on stdout, then one sentence."""
    from ganbench.report.run_sentence import result_sentence

    sentence = result_sentence(record, run_directory_name(directory))
    if as_json:
        from ganbench.record.serialise import to_json

        click.echo(to_json(record))
        if not quiet:
            click.echo(sentence, err=True)
        return
    from ganbench.report.stream import print_records

    print_records([record], file=sys.stdout)
    click.echo(sentence)

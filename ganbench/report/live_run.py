"""The live line of a run on a terminal, and plain lines every ten seconds elsewhere. All of it goes to stderr."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ganbench.record.directory import open_log, run_directory_name
from ganbench.record.events import Evaluated, Event, Message, Progressed, Started
from ganbench.record.record import Evaluation
from ganbench.report.stream import has_cursor, print_text, say
from ganbench.text import clean

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from ganbench.fleet.executor import CellProgress

_PLAIN_SECONDS = 10.0


class LineScreen:
    """Listens to a run and prints plain lines: for logs, pipes and CI.

    Args:
        quiet: only warnings and errors are printed.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = -_PLAIN_SECONDS
        self._held: list[str] | None = []
        self._log: logging.Handler = logging.NullHandler()

    def __enter__(self) -> LineScreen:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            logging.getLogger("ganbench").debug("the run ended early", exc_info=error)
        self._release()
        self._log.close()

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case Started():
                self._start(event.directory, event.description)
            case Message():
                self.message(event.text)
            case Progressed():
                self._progress(event)
            case Evaluated():
                self.say(f"{event.evaluation.samples_seen / 1000:8.1f} kimg  {_metric_values(event.evaluation)}")

    def _start(self, directory: Path, description: str) -> None:
        """Name the run directory first, and open its log."""
        self._log = open_log(directory)
        self.say(f"run directory: {run_directory_name(directory)}")
        self._release()
        self.say(description)

    def message(self, text: str) -> None:
        """Print a line; a warning is printed even when quiet, and never before the line that names the run directory."""
        if self._quiet and not text.startswith(("warning:", "error:", "critical:")):
            return
        if self._held is None:
            self._print(text)
        else:
            self._held.append(text)

    def notice(self, text: str) -> None:
        """Print a line at once, unless quiet."""
        if not self._quiet:
            self._print(text)

    def _release(self) -> None:
        """Print what was held back; from here on nothing is."""
        held, self._held = self._held or [], None
        for text in held:
            self._print(text)

    def say(self, text: str) -> None:
        """Print a line unless quiet, and log it."""
        logging.getLogger("ganbench").info(text)
        if not self._quiet:
            self._print(text)

    def _progress(self, progress: Progressed) -> None:
        """Print a line every ten seconds."""
        now = time.monotonic()
        if self._quiet or now - self._last < _PLAIN_SECONDS:
            return
        self._last = now
        self._print(f"{_position(progress)}  {speed(progress)}  {_losses(progress)}  {_duration(progress.eta_seconds)} left")

    def _print(self, text: str) -> None:
        say(text)


class _LiveScreen(LineScreen):
    """One live line on a terminal; evaluations scroll above it."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._bar: Bar | None = None
        self._task: Any = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        super().__exit__(kind, error, trace)

    def _progress(self, progress: Progressed) -> None:
        """Move the live line."""
        if self._bar is None:
            self._bar = _make_bar()
            self._task = self._bar.add_task("", total=progress.total_samples, status="")
            self._bar.start()
        status = f"{speed(progress)}  {_losses(progress)}  {_duration(progress.eta_seconds)} left"
        self._bar.update(self._task, completed=progress.samples_seen, description=_position(progress), status=status)

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(clean(text), highlight=False, markup=False)
        else:
            super()._print(text)


def _make_bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[status]}"))
    return Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=5)


def make_screen(*, quiet: bool) -> LineScreen:
    """Return the screen that suits stderr; a terminal that cannot move its cursor gets plain lines."""
    return (_LiveScreen if not quiet and has_cursor(sys.stderr) else LineScreen)(quiet=quiet)


class StatusLine:
    """Says what is being done."""

    def __init__(self) -> None:
        self._live = has_cursor(sys.stderr)
        self._last = -_PLAIN_SECONDS

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            print_text("\r\x1b[K", sys.stderr)

    def say(self, text: str) -> None:
        """Show a text."""
        if self._live:
            width = shutil.get_terminal_size((80, 24)).columns
            print_text(f"\r\x1b[K{clean(text)[: width - 1]}", sys.stderr)
        elif time.monotonic() - self._last >= _PLAIN_SECONDS:
            self._last = time.monotonic()
            say(text)


def _metric_values(evaluation: Evaluation) -> str:
    """Return ``FD digits 12.3 +- 0.4 (real 3.1)`` for each value."""
    parts = []
    for value in evaluation.values:
        spread = f" +- {value.spread:.2g}" if value.spread else ""
        floor = "" if value.floor is None else f" (real {value.floor:.3g})"
        parts.append(f"{value.label} {value.value:.4g}{spread}{floor}")
    return "  ".join(parts)


def _duration(seconds: float) -> str:
    """Return seconds as ``1:02:03`` or ``2:03``."""
    if seconds != seconds or seconds == float("inf"):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _position(progress: Progressed) -> str:
    return f"{progress.samples_seen / 1000:8.1f} / {progress.total_samples / 1000:.1f} kimg"


def speed(progress: Progressed | CellProgress) -> str:
    """Return how fast samples are seen: ``1,234 img/s``."""
    return f"{progress.samples_per_second:,.0f} {'img' if progress.unit == 'images' else progress.unit}/s"


def _losses(progress: Progressed) -> str:
    known = {"discriminator_loss": "D", "generator_loss": "G"}
    shown = {label: progress.statistics[name] for name, label in known.items() if name in progress.statistics}
    return "  ".join(f"{label} {value:.3f}" for label, value in (shown or progress.statistics).items())

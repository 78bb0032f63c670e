"""A matrix as it goes on: live lines for the running cells on a terminal, one line for what happens elsewhere. All of it to one stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from ganbench.fleet.executor import CellProgress
from ganbench.fleet.matrix.ledger import CellRow
from ganbench.report.live_run import speed
from ganbench.report.stream import print_text
from ganbench.text import clean

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_SHOWN_LINES = 6
_MARKS = {"done": "done", "diverged": "DIVERGED", "failed": "FAILED", "unsupported": "unsupported", "interrupted": "interrupted"}


class LineOverview:
    """One line when a cell begins and one when it ends.

    Args:
        stream: usually stderr.
        total: cells of this call that are not finished.
        quiet: only what failed is printed.
    """

    def __init__(self, stream: TextIO, total: int, *, quiet: bool = False) -> None:
        self._stream, self._total, self._quiet = stream, total, quiet
        self._ended = 0

    def __enter__(self) -> LineOverview:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def started(self, row: CellRow) -> None:
        """Name the cell; of a further attempt say what ended the one before."""
        again = f", attempt {row.attempts}{f': {row.reason}' if row.reason else ''}" if row.attempts > 1 else ""
        self._say(f"{self._count()}  {row.name}: begins{again}")

    def progressed(self, progress: CellProgress) -> None:
        """Say nothing; lines would be too many."""

    def ended(self, row: CellRow) -> None:
        """Say how it ended; of a failure with the last lines that the worker printed."""
        self._ended += 1
        bad = row.state in ("failed", "diverged")
        seconds = f" after {row.seconds:.1f} s" if row.seconds else ""
        self._say(f"{self._count()}  {row.name}: {_MARKS[row.state]}{seconds}{f': {row.reason}' if row.reason else ''}", important=bad)
        for line in row.output[-_SHOWN_LINES:]:
            self._say(f"    | {line}", important=bad)

    def stopping(self) -> None:
        """Say what Ctrl-C does."""
        self._say("stopping: the running cells save and end; Ctrl-C again kills them", important=True)

    def _count(self) -> str:
        return f"{self._ended}/{self._total}"

    def _say(self, text: str, *, important: bool = False) -> None:
        if important or not self._quiet:
            self._write(text)

    def _write(self, text: str) -> None:
        print_text(clean(text) + "\n", self._stream)


class LiveOverview(LineOverview):
    """A bar for the matrix and one for each running cell; what has ended scrolls above."""

    def __init__(self, stream: TextIO, total: int, *, quiet: bool = False) -> None:
        super().__init__(stream, total, quiet=quiet)
        self._bars = _make_bars(stream)
        self._all: TaskID = self._bars.add_task("matrix", total=total, status="")
        self._cells: dict[str, TaskID] = {}

    def __enter__(self) -> LiveOverview:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def started(self, row: CellRow) -> None:
        """Add a bar."""
        self._remove(row.name)
        again = f"attempt {row.attempts}" if row.attempts > 1 else "starting"
        name = clean(row.name).replace("[", "\\[")  # neither the terminal nor rich obeys it
        self._cells[row.name] = self._bars.add_task(name, total=None, status=again)
        if row.reason:
            super().started(row)

    def progressed(self, progress: CellProgress) -> None:
        """Move the cell's bar."""
        if progress.name in self._cells:
            of = f"{progress.samples_seen / 1000:.1f} / {progress.total_samples / 1000:.1f} kimg"
            status = f"{of}  {speed(progress)}{progress.machine and f'  on {clean(progress.machine)}'}".replace("[", "\\[")
            self._bars.update(self._cells[progress.name], completed=progress.samples_seen, total=progress.total_samples, status=status)

    def ended(self, row: CellRow) -> None:
        """Put a line in the place of the bar."""
        self._remove(row.name)
        super().ended(row)
        self._bars.update(self._all, completed=self._ended, status=self._count())

    def _remove(self, name: str) -> None:
        if name in self._cells:
            self._bars.remove_task(self._cells.pop(name))

    def _write(self, text: str) -> None:
        self._bars.console.print(clean(text), highlight=False, markup=False)


def _make_bars(stream: TextIO) -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[status]}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=stream), transient=True, refresh_per_second=4)


def summary(rows: Sequence[CellRow], skipped: int = 0) -> str:
    """Return ``24 cells: 20 done, 1 failed, 2 unsupported, 1 skipped``.

    Args:
        rows: of all cells.
        skipped: how many of the done were so before this call.
    """
    counts = Counter(row.state for row in rows)
    always = {"done": counts["done"] - skipped, "failed": counts["failed"], "unsupported": counts["unsupported"], "skipped": skipped}
    others = {state: counts[state] for state in ("diverged", "interrupted", "running", "waiting") if counts[state]}
    parts = ", ".join(f"{count} {what}" for what, count in (always | others).items())
    return f"{len(rows)} cell{'s' if len(rows) != 1 else ''}: {parts}"

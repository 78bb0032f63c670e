"""What the user sees while a matrix runs."""

from __future__ import annotations

import io
from typing import Any

from ganbench.fleet.executor import CellProgress
from ganbench.fleet.matrix.ledger import CellRow
from ganbench.report.live_matrix import LineOverview, LiveOverview, summary


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def row(name: str, state: Any, **changes: Any) -> CellRow:
    """Return a row."""
    return CellRow(name=name, state=state, attempts=changes.pop("attempts", 1), **changes)


def play(overview: LineOverview) -> None:
    """Run two cells, one of which fails."""
    with overview:
        overview.started(row("dcgan seed=0", "running"))
        overview.progressed(CellProgress(name="dcgan seed=0", samples_seen=1500, total_samples=3000, samples_per_second=1234.5))
        overview.ended(row("dcgan seed=0", "done", seconds=2.5))
        overview.started(row("[b] seed=1", "running", attempts=2, reason="its node has gone"))
        overview.ended(row("[b] seed=1", "failed", reason="its process crashed with SIGSEGV", output=("Fatal [red] error",)))
        overview.stopping()


def test_a_pipe_gets_one_line_for_each_beginning_and_end() -> None:
    """A failure with its cause and the last lines of the worker."""
    stream = io.StringIO()
    play(LineOverview(stream, 2))
    assert stream.getvalue().splitlines() == [
        "0/2  dcgan seed=0: begins",
        "1/2  dcgan seed=0: done after 2.5 s",
        "1/2  [b] seed=1: begins, attempt 2: its node has gone",
        "2/2  [b] seed=1: FAILED: its process crashed with SIGSEGV",
        "    | Fatal [red] error",
        "stopping: the running cells save and end; Ctrl-C again kills them",
    ]


def test_quiet_leaves_the_failures() -> None:
    """And what Ctrl-C does."""
    stream = io.StringIO()
    play(LineOverview(stream, 2, quiet=True))
    assert [line.split(":")[0] for line in stream.getvalue().splitlines()] == ["2/2  [b] seed=1", "    | Fatal [red] error", "stopping"]


def test_a_terminal_gets_bars_and_the_same_endings() -> None:
    """Names and output with brackets are no markup; the cursor comes back."""
    stream = Terminal()
    play(LiveOverview(stream, 2))
    shown = stream.getvalue()
    assert "1/2  dcgan seed=0: done after 2.5 s" in shown
    assert "2/2  [b] seed=1: FAILED: its process crashed with SIGSEGV" in shown
    assert "Fatal [red] error" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_a_bar_says_on_which_machine_its_cell_runs() -> None:
    """A name with brackets is no markup; a cell of this machine has none."""
    stream = Terminal()
    with LiveOverview(stream, 2) as overview:
        for seed, machine in enumerate(["node[2]", ""]):
            overview.started(row(f"seed={seed}", "running"))
            far = {"samples_seen": 1500, "total_samples": 3000, "samples_per_second": 1234.5}
            overview.progressed(CellProgress(name=f"seed={seed}", machine=machine, **far))
    shown = stream.getvalue()
    assert "1.5 / 3.0 kimg  1,234 img/s  on node[2]" in shown
    assert shown.count(" on ") == shown.count(" on node[2]")


def test_the_summary_counts_each_cell_once() -> None:
    """What was done before is skipped, and not done."""
    rows = [row(str(index), state) for index, state in enumerate(["done", "done", "failed", "unsupported", "done", "waiting"])]
    assert summary(rows, 2) == "6 cells: 1 done, 1 failed, 1 unsupported, 2 skipped, 1 waiting"
    assert summary(rows[:1]) == "1 cell: 1 done, 0 failed, 0 unsupported, 0 skipped"

"""A comparison for a terminal of 80 columns or more."""

from __future__ import annotations

from ganbench.report.formats.sheet_terminal import render_terminal as render_sheet
from ganbench.report.verdict_sheet import narrow_sheet
from ganbench.verdict.findings import Comparison

_NARROWEST = 80


def render_terminal(comparison: Comparison, *, width: int = 80, colour: bool = False, show_all: bool = False) -> str:
    """Return a comparison as text; a terminal of less than 80 columns folds its lines, and loses nothing.

    Args:
        comparison: the verdict.
        width: columns of the terminal.
        colour: whether to use its colours.
        show_all: whether unchanged findings are shown.
    """
    return render_sheet(narrow_sheet(comparison, show_all=show_all), width=max(width, _NARROWEST), colour=colour)

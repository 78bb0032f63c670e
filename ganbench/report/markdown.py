"""A comparison as GitHub-flavoured markdown, and cut to what a step summary may hold."""

from __future__ import annotations

from ganbench.report.formats.sheet_markdown import render_markdown as render_sheet
from ganbench.report.verdict_sheet import flat_sheet
from ganbench.verdict.findings import Comparison

SUMMARY_BYTES = 1024 * 1024
"""What GitHub takes as the summary of one step; of a larger one it shows nothing."""
_MARGIN = 1024


def render_markdown(comparison: Comparison, *, show_all: bool = False) -> str:
    """Return a comparison as markdown, whose first line is the verdict sentence."""
    return render_sheet(flat_sheet(comparison, show_all=show_all))


def cut_to(text: str, num_bytes: int) -> str:
    """Return as many whole lines of a text as fit, with a line that says how many were left out; nothing where there is no room at all.

    Args:
        text: markdown.
        num_bytes: how long it may be in UTF-8, a kilobyte of which is kept free.
    """
    if num_bytes < 2 * _MARGIN:
        return ""
    if len(text.encode()) <= num_bytes - _MARGIN:
        return text
    lines = text.splitlines(keepends=True)
    kept, size = 0, 0
    while kept < len(lines) and (size := size + len(lines[kept].encode())) <= num_bytes - 2 * _MARGIN:
        kept += 1
    return f"{''.join(lines[:kept])}\n{len(lines) - kept} of {len(lines)} lines left out: a summary holds {SUMMARY_BYTES // 1024} kB.\n"

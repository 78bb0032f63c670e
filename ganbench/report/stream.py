"""Printing on a stream that may be a terminal, a pipe or a file: its width, its colours and what its encoding can hold."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from typing import TextIO

from ganbench.record.find import Unreadable
from ganbench.record.record import RunRecord

_ASCII = str.maketrans(
    {"↑": "^", "↓": "v", "±": "+-", "─": "-", "˒": ",", **{superscript: f"[{digit}]" for digit, superscript in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}}
)
_MAX_WIDTH = 200


def print_records(records: Sequence[RunRecord | Unreadable], *, file: TextIO) -> None:
    """Print the table of some runs, as wide and as colourful as the stream allows.

    Args:
        records: the runs.
        file: where to; usually ``sys.stdout``.
    """
    from ganbench.report.formats.terminal import render_terminal
    from ganbench.report.runs import make_table

    print_text(render_terminal(make_table(records), width=stream_width(), colour=has_colour(file)), file)


def print_text(text: str, file: TextIO) -> None:
    """Write text; what the stream's encoding lacks becomes its nearest ASCII, and a reader that has gone (``| head``) is no error."""
    encoding = getattr(file, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(_ASCII).encode("ascii", "replace").decode()
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError):  # a stream without a descriptor has nothing left to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def stream_width() -> int:
    """Return the terminal's width, or COLUMNS, or 80."""
    return min(shutil.get_terminal_size((80, 24)).columns, _MAX_WIDTH)


def has_colour(file: TextIO) -> bool:
    """Return whether to use colours: a terminal that is not dumb, and no NO_COLOR (https://no-color.org)."""
    return file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

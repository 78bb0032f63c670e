"""Printing on a stream that may be a terminal, a pipe or a file: its width, its colours and what its encoding can hold."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TextIO

from ganbench.report.document import Document
from ganbench.report.formats import render

_ASCII = str.maketrans(
    {"↑": "^", "↓": "v", "±": "+-", "─": "-", "˒": ",", **{superscript: f"[{digit}]" for digit, superscript in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}}
)
_MAX_WIDTH = 200


def print_document(document: Document, form: str = "terminal", *, file: TextIO | None = None) -> None:
    """Print a document, as wide and as colourful as the stream allows.

    Args:
        document: what to show.
        form: one of :data:`ganbench.report.formats.FORMATS`.
        file: where to; ``sys.stdout`` where it is left out.
    """
    file = file or sys.stdout
    print_text(render(document, form, width=stream_width(), colour=has_colour(file)), file)


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

"""The formats that a document can have, by name. They know documents, and nothing of what these are about."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ganbench.report.document import Document

FORMATS = ("terminal", "markdown", "csv", "json", "html", "latex")
SUFFIXES = {".txt": "terminal", ".md": "markdown", ".csv": "csv", ".json": "json", ".html": "html", ".tex": "latex"}
"""The format that a file's name asks for."""


def render(document: Document, form: str, *, width: int = 80, colour: bool = False) -> str:
    """Return a document in one of :data:`FORMATS`.

    Args:
        document: what to show.
        form: the format's name.
        width: columns of the terminal; for that format only.
        colour: whether the terminal has colours; for that format only.

    Raises:
        ValueError: an unknown format.
    """
    if form not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)} (got {form!r})")
    renderer: Callable[..., str] = getattr(importlib.import_module(f"ganbench.report.formats.{form}"), f"render_{form}")
    return renderer(document, width=width, colour=colour) if form == "terminal" else renderer(document)

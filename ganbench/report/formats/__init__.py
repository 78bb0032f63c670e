"""The formats that a table can have, by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ganbench.report.table_model import Table

FORMATS = ("terminal", "markdown", "csv", "json", "html", "latex")
SUFFIXES = {".txt": "terminal", ".md": "markdown", ".csv": "csv", ".json": "json", ".html": "html", ".tex": "latex"}
"""The format that a file's name asks for."""


def render(table: Table, form: str, *, width: int = 80, colour: bool = False) -> str:
    """Return a table in one of :data:`FORMATS`.

    Args:
        table: what to show.
        form: the format's name.
        width: columns of the terminal; for that format only.
        colour: whether the terminal has colours; for that format only.

    Raises:
        ValueError: an unknown format.
    """
    if form not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)} (got {form!r})")
    renderer: Callable[..., str] = getattr(importlib.import_module(f"ganbench.report.formats.{form}"), f"render_{form}")
    return renderer(table, width=width, colour=colour) if form == "terminal" else renderer(table)

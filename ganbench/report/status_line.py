"""What a long command is doing, on stderr: one line that is written over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from types import TracebackType

import click

EVERY_SECONDS = 10.0


class StatusLine:
    """Says what is being done."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
        self._last = -EVERY_SECONDS

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            click.echo("\r\x1b[K", err=True, nl=False)

    def say(self, text: str) -> None:
        """Show a text."""
        if self._live:
            width = shutil.get_terminal_size((80, 24)).columns
            click.echo(f"\r\x1b[K{text[: width - 1]}", err=True, nl=False)
        elif time.monotonic() - self._last >= EVERY_SECONDS:
            self._last = time.monotonic()
            click.echo(text, err=True)

"""``jsonl``: a line of JSON for each event, appended to a file, or written into a pipe."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from ganbench import Ended, Event, Listener, ReporterContext, Started, encode
from ganbench_reporters.aside import Aside
from ganbench_reporters.options import JsonLinesOptions

try:
    import fcntl
except ImportError:  # no POSIX system
    fcntl = None  # type: ignore[assignment]


class JsonLines:
    """Writes lines as they come; a pipe is opened by the thread, because that waits for a reader.

    Args:
        path: of the file or the named pipe.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._run = ""

    def __call__(self, event: Event) -> None:
        """Write one line, whole; the file is closed after the last, and after what cannot be written.

        Raises:
            OSError: the disk is full, or whoever read has gone.
        """
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        if isinstance(event, Started):
            self._run = event.directory.name
        is_last = True
        try:
            rest = memoryview(line_of(event, self._run))
            with _alone(self._file):
                while rest:
                    rest = rest[self._file.write(rest) :]
            is_last = isinstance(event, Ended)
        finally:
            if is_last:
                self._file.close()


@contextlib.contextmanager
def _alone(file: BinaryIO) -> Iterator[None]:
    """Keep the cells of a matrix, which write into one file or pipe, from writing into each other's lines.

    A file system without locks, or a system, is no reason to write nothing.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


def line_of(event: Event, run: str) -> bytes:
    """Return an event as a line of JSON: ``time``, ``run``, ``event``, and its fields; numbers that JSON lacks are as in records.

    Args:
        event: what has happened.
        run: id of the run.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    fields = {field.name: _plain(getattr(event, field.name)) for field in dataclasses.fields(event)}
    told = {"time": now, "run": run, "event": type(event).__name__.lower(), **fields}
    return json.dumps(encode(told), allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def build(options: JsonLinesOptions, context: ReporterContext) -> Listener:
    """Build the reporter."""
    return Aside("jsonl", JsonLines(Path(options.file).absolute()))

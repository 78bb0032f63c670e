"""What a worker prints, kept in a file of bounded size: the beginning, how much was left out, and the end."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
_LINE = 300
_CRASH = "Fatal Python error"
"""How Python's faulthandler begins; the innermost frames follow."""


class Capture:
    """Output of one attempt at one cell.

    Args:
        path: the log; a second attempt writes behind the first, up to the same size. A full disk costs the log and nothing else.
        head: bytes that are kept from the beginning.
        tail: bytes that are kept from the end.
    """

    def __init__(self, path: Path, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        self._path, self._head, self._tail = path, head, tail
        with contextlib.suppress(OSError):
            self._head -= path.stat().st_size
        self._recent: deque[bytes] = deque()
        self._recent_bytes = self._unwritten = self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take what was printed."""
        fits, rest = data[: max(self._head, 0)], data[max(self._head, 0) :]
        self._head -= len(fits)
        self._write(fits)
        self._unwritten += len(rest)
        self._recent.append(data)
        self._recent_bytes += len(data)
        while self._recent_bytes - len(self._recent[0]) >= self._tail:
            self._recent_bytes -= len(self._recent.popleft())

    def close(self) -> None:
        """Write the end of what did not fit."""
        if not self._unwritten:
            return
        end = b"".join(self._recent)[-min(self._tail, self._unwritten) :]
        left_out = self._unwritten - len(end)
        self._write((b"\n[%d bytes left out]\n" % left_out if left_out else b"") + end)
        self._unwritten = 0

    def last_lines(self, count: int = 12) -> tuple[str, ...]:
        """Return the last lines that are not empty, or the first of a crash's report; each of at most a few hundred characters."""
        text = b"".join(self._recent)[-self._tail :].decode(errors="replace").replace("\r", "\n")
        lines = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.split("\n")]
        kept = [line[:_LINE] for line in filter(None, lines)]
        crash = next((index for index, line in enumerate(kept) if line.startswith(_CRASH)), None)
        return tuple(kept[-count:] if crash is None else kept[crash : crash + count])

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)

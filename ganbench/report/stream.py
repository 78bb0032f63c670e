"""Printing for people, on a terminal, a pipe or a file: as wide and colourful as it is, in its letters, and never at the cost of the work.

Whoever reads may leave, and a disk may be full: the work goes on, and only what the work came to decides how a command ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

from ganbench.text import clean

if TYPE_CHECKING:
    from ganbench.report.document import Document

_ASCII = str.maketrans(
    {
        **{"↑": "^", "↓": "v", "±": "+-", "─": "-", "˒": ","},
        **{superscript: f"[{digit}]" for digit, superscript in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **dict(zip("▁▂▃▄▅▆▇█", "_.-=+*#@", strict=True)),
    }
)
_MAX_WIDTH = 200


class GuardedStream:
    """A stream that is written for people and raises nothing: ``lost`` says why it could not be written, where it could not.

    Args:
        stream: what is guarded; None where the process was started without it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        self.lost: OSError | None = None if stream else OSError(errno.EBADF, "it is closed")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text; what the encoding lacks becomes its nearest ASCII."""
        text = text.encode("utf-8", "backslashreplace").decode()  # a path may hold bytes that are no text
        with self._losses():
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                self._stream.write(text.translate(_ASCII).encode("ascii", "replace").decode())
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send everything on."""
        with self._losses():
            self._stream.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal that is still there."""
        with self._losses():
            return self._stream.isatty()
        return False

    def settle(self) -> None:
        """Let go of what cannot be written, which Python would otherwise try once more at exit, and fail."""
        self.lost = None
        self.flush()
        if self.lost is not None:
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())
                self._stream.flush()

    @contextlib.contextmanager
    def _losses(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: somebody has closed it
            self.lost = self.lost or (error if isinstance(error, OSError) else OSError(errno.EBADF, str(error)))


@contextlib.contextmanager
def guarded_streams() -> Iterator[GuardedStream]:
    """Guard stdout and stderr inside the block, for whoever prints there, and yield stdout."""
    _occupy_standard_descriptors()
    before = sys.stdout, sys.stderr
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before
        for stream, was in ((out, before[0]), (err, before[1])):
            stream.settle()
            if was is None:
                stream.close()


def _occupy_standard_descriptors() -> None:
    """Open what the caller has closed of 0, 1 and 2: else the next file of a run gets the number, and whatever is printed to it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def say(text: str) -> None:
    """Print one line to stderr, whatever the text holds; that nobody reads it is no error."""
    print_text(clean(text) + "\n", sys.stderr)


def print_document(document: Document, form: str = "terminal", *, file: TextIO | None = None) -> None:
    """Print a document, as wide and as colourful as the stream allows.

    Args:
        document: what to show.
        form: one of :data:`ganbench.report.formats.FORMATS`.
        file: where to; ``sys.stdout`` where it is left out.
    """
    file = file or sys.stdout
    from ganbench.report.formats import render  # late: --help prints no document

    print_text(render(document, form, width=stream_width(), colour=has_colour(file)), file)


def print_text(text: str, file: TextIO | None) -> None:
    """Write text; what the stream's encoding lacks becomes its nearest ASCII, and a reader that has gone (``| head``) is no error.

    Raises:
        OSError: it cannot be written, and ``file`` is no stream that a command of ganbench guards.
    """
    own = isinstance(file, GuardedStream)
    stream = cast(GuardedStream, file) if own else GuardedStream(file)
    stream.write(text)
    stream.flush()
    if not own and stream.lost is not None and file is not None:
        if not isinstance(stream.lost, BrokenPipeError):
            raise stream.lost
        stream.settle()


def stream_width() -> int:
    """Return the terminal's width, or COLUMNS, or 80."""
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not shutil's, whose import takes --help longer than all of this
        return min(max(int(os.environ.get("COLUMNS") or 0), 0) or os.get_terminal_size(sys.__stdout__.fileno()).columns, _MAX_WIDTH)  # type: ignore[union-attr]
    return 80


def has_colour(file: TextIO | None) -> bool:
    """Return whether to use colours: a terminal that is not dumb, and no NO_COLOR (https://no-color.org)."""
    return file is not None and file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def has_cursor(file: TextIO | None) -> bool:
    """Return whether a line can be written over: a terminal that says which it is."""
    return file is not None and file.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")

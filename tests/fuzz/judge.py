"""Whether what a command did with a damaged file is right: the right result, or one clear line and the right exit code, within 5 s."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ganbench.cli.main import main

SECONDS = 5.0
"""Of the processor: beyond it a command hangs."""
WALL_SECONDS = 60.0
"""For a command that waits instead of computing; far above what a loaded machine takes."""
_CODES = (0, 1, 2, 3, 4, 5)


class _Hangs(BaseException):
    """A command that has taken too long."""


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise _Hangs

    before = {number: signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def judge(arguments: list[str], folder: Path) -> str:
    """Give a command line to the real entry point in a folder; return what was wrong with its answer, or nothing."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict") for _ in range(2))
    here, path, began = Path.cwd(), list(sys.path), time.process_time()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _bounded():
            code: object = main(arguments)
    except _Hangs:
        return f"hangs for more than {SECONDS:g} s"
    except BaseException as error:
        return f"ends in a {type(error).__name__}: {error}"
    finally:
        os.chdir(here)
        sys.path[:] = path
        for name in ("p", "odd_module"):
            sys.modules.pop(name, None)
    took = time.process_time() - began
    if took > SECONDS:
        return f"hangs: {took:.1f} s"
    return _judge(code, *(_text(one) for one in (out, err)))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(errors="replace")  # type: ignore[attr-defined]


def _judge(code: object, out: str, err: str) -> str:
    if "Traceback (most recent call last)" in out + err:
        return f"shows a traceback: {err.strip().splitlines()[-1]}"
    if "unexpected " in err and "a report is welcome" in err:
        return next(line for line in err.splitlines() if "unexpected " in line)
    if code not in _CODES:
        return f"exit code {code}"
    if code == 0 and not out.strip() and not err.strip():
        return "says nothing"
    complaints = [line for line in err.splitlines() if line.startswith("ganbench: ")]
    if code in (2, 3, 4) and len(complaints) != 1 and not out.strip():
        return f"exit code {code} and {len(complaints)} lines that say why: {err[-300:]!r}"
    if "\x1b" in out + err or "\x07" in out + err:
        return "writes control characters"
    return ""


def shape(problem: str) -> str:
    """Return a problem without its particulars, so that equal ones are counted together."""
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", problem))[:160]

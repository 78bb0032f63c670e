"""The matrix's end of one worker process: orders in, messages and output out."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from ganbench.fleet.interpreter import kill_group, python_command
from ganbench.fleet.resolve_process import CellRequest
from ganbench.record.serialise import encode

_CHUNK = 1 << 16
_MOST_CHUNKS = 64
"""Of output in one go, so that a worker that prints without end keeps nothing waiting."""


class Worker:
    """A process of :mod:`ganbench.fleet.server`, in a session of its own: the terminal's Ctrl-C does not reach it.

    Args:
        threads: that its libraries may start.
    """

    def __init__(self, threads: int) -> None:
        self.events, events = os.pipe()
        self.output, output = os.pipe()
        os.set_blocking(self.events, False)
        os.set_blocking(self.output, False)
        # OpenBLAS starts its threads when it is imported; with one there is none to lose in a fork, and runs set the number they want.
        self._process = subprocess.Popen(
            python_command("ganbench.fleet.server:serve", str(os.getpid()), str(events)),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            bufsize=0,
            pass_fds=(events,),
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONUNBUFFERED": "1"},
        )
        os.close(events)
        os.close(output)
        self._buffer = b""

    @property
    def exit_code(self) -> int | None:
        """The process's exit code, or minus the signal that ended it; None while it lives."""
        return self._process.poll()

    def order(self, request: CellRequest, directory: Path, threads: int, *, fork: bool) -> None:
        """Send an order; a worker that has died is noticed by its silence."""
        assert self._process.stdin is not None
        message = {"request": encode(request), "directory": str(directory), "threads": threads, "fork": fork}
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def read_events(self) -> list[dict[str, Any]]:
        """Return the messages that have come."""
        self._buffer += _read(self.events)
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines]

    def read_output(self) -> bytes:
        """Return what has been printed, or a part of it."""
        return _read(self.output)

    def signal(self, number: int) -> None:
        """Send the worker itself, and what it runs without a fork, a signal."""
        kill_group(self._process.pid, number)

    def close(self) -> None:
        """End it at once; more than once does no harm."""
        if self.events < 0:
            return
        kill_group(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        os.close(self.events)
        os.close(self.output)
        self.events = self.output = -1


def _read(descriptor: int) -> bytes:
    found = []
    with contextlib.suppress(BlockingIOError):
        for _ in range(_MOST_CHUNKS):
            data = os.read(descriptor, _CHUNK)
            if not data:
                break
            found.append(data)
    return b"".join(found)

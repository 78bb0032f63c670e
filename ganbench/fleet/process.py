"""A worker process and the conversation with it. Whatever it does (die, hang, print, flood), the parent ends with one clear error."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.errors import RunFailed, UsageError

_KEPT_BYTES = 32 * 1024
_LONGEST_LINE = 1 << 20
_LAST_LINES = 12


class WorkerFailed(RunFailed):
    """A worker died, hung, or answered nonsense; ``last_words`` are the last lines of its stderr."""

    def __init__(self, what: str, last_words: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.last_words = tuple(last_words)


class SideUnusable(UsageError):
    """A side's code refuses the job: it lacks the plugin or the setting, or the configuration is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """How one side's process is started."""

    name: str
    """``base`` or ``head``, with what it is."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    job: Mapping[str, Any]
    """Its first line of input."""


class Worker:
    """One process, with its stderr drained into a short memory.

    Args:
        launch: how to start it.

    Raises:
        WorkerFailed: it cannot be started.
    """

    def __init__(self, launch: Launch) -> None:
        self.name = launch.name
        try:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=dict(launch.environment),
                cwd=launch.folder,
                start_new_session=True,  # so that it can be ended with its own children, and Ctrl-C reaches only the parent
            )
        except OSError as error:
            raise WorkerFailed(f"{launch.name}: {launch.command[0]} cannot be started: {error}") from error
        self._buffer = b""
        self._stderr = bytearray()
        self._drain = threading.Thread(target=self._keep_stderr, daemon=True)
        self._drain.start()
        try:
            self._send(dict(launch.job))
        except BaseException:
            self.close()
            raise

    def ask(self, question: Mapping[str, Any], kind: str, timeout: float) -> Any:
        """Send one order and return its answer."""
        self._send(question)
        return self.answer(kind, timeout)

    def answer(self, kind: str, timeout: float) -> Any:
        """Wait for an answer of this kind.

        Raises:
            SideUnusable: its code refuses the job.
            WorkerFailed: it failed, ended, took too long, or wrote something else.
        """
        line = self._line(time.monotonic() + timeout, timeout)
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict) and isinstance(error := found.get("error"), dict):
            if error.get("usage"):
                raise SideUnusable(str(error.get("message")))
            raise WorkerFailed(f"{self.name} failed: {error.get('message')}", self.last_words())
        if not isinstance(found, dict) or kind not in found:
            shown = line[:80].decode("utf-8", "replace")
            raise WorkerFailed(f"{self.name} answered with {shown!r} instead of {kind}", self.last_words())
        return found[kind]

    def close(self) -> None:
        """End it with its children; may be called twice."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._kill()
        self._drain.join(timeout=5)
        if self._process.stderr is not None and not self._drain.is_alive():
            self._process.stderr.close()

    def last_words(self) -> tuple[str, ...]:
        """Return the last lines of its stderr; of a process that has ended, all of them have come."""
        if self._process.poll() is not None:
            self._drain.join(timeout=1)
        text = bytes(self._stderr).decode("utf-8", "replace")
        return tuple(line[:500] for line in text.splitlines()[-_LAST_LINES:])

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        data = memoryview(json.dumps(message).encode() + b"\n")
        try:
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
        except OSError:
            raise self._ended() from None

    def _line(self, deadline: float, timeout: float) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer and len(self._buffer) < _LONGEST_LINE:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    self._kill()
                    raise WorkerFailed(f"{self.name} gave no answer for {timeout:.0f} s and was ended", self.last_words())
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise self._ended()
                self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _ended(self) -> WorkerFailed:
        """Return what to say of a process that has closed its pipes."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.poll()
        if code is None:
            self._kill()
            how = "closed its output"
        elif code < 0:
            memory = "; the system may have run out of memory" if code == -signal.SIGKILL else ""
            how = f"was killed by {signal.Signals(-code).name}{memory}"
        else:
            how = f"ended with exit code {code}"
        return WorkerFailed(f"{self.name} {how} before it had answered", self.last_words())

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _keep_stderr(self) -> None:
        """Read all that comes, so that the process never blocks, and keep the end of it."""
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._process.stderr.fileno(), 1 << 16):
                self._stderr += piece
                del self._stderr[:-_KEPT_BYTES]

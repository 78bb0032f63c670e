"""A process that works for this one, and the conversation between the two: the one protocol of all worker processes.

Orders go in and answers come out, each a line of JSON; an answer is ``{kind: value}``, and ``{"error": ...}`` says why there is none. Both
have streams of their own: what a process prints, or a plugin in it, is kept apart and can be mistaken for nothing. A process has a session
of its own, which the terminal's Ctrl-C does not reach, and is ended with all that it has started.

:class:`Worker` is this end. :func:`main` and :func:`private_streams` are the other one, for processes of this version; a script that runs
by its path in a tree of another version holds a copy of what it needs.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from ganbench.errors import RunFailed, UsageError

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
_CHUNK = 1 << 16
_MOST_CHUNKS = 64
"""Read in one go, so that a process that prints without end keeps nothing waiting."""
_LONGEST_MESSAGE = 1 << 20
_LAST_LINES = 12
_LONGEST_LINE = 300
_CRASH = "Fatal Python error"
"""How Python's faulthandler begins; the innermost frames follow."""
_PR_SET_PDEATHSIG = 1

Say = Callable[[dict[str, Any]], None]


class WorkerFailed(RunFailed):
    """A worker died, hung, or answered nonsense; ``last_words`` are the last lines that it printed."""

    def __init__(self, what: str, last_words: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.last_words = tuple(last_words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """How a process is started."""

    name: str
    """What errors call it."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str = "."
    job: Mapping[str, Any] | None = None
    """Its first order, sent at once."""


def launch_function(name: str, function: str, environment: Mapping[str, str] | None = None) -> Launch:
    """Return how to start a process of this version: it calls ``module:function`` with its orders and with what says an answer.

    It is this Python with this search path: ``-m`` would put the current folder in front, where any file may be called torch.py.

    Args:
        name: what errors call it.
        function: as ``ganbench.fleet.cell_process:serve``.
        environment: variables besides those of this process.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; from ganbench.fleet.worker import main; main()"
    command = (sys.executable, "-c", code, str(os.getpid()), function)
    return Launch(name=name, command=command, environment={**os.environ, **(environment or {})})


class Printed:
    """What a process prints: the end in memory, and in a file of bounded size the beginning, how much was left out, and the end.

    Args:
        path: the file; a second attempt writes behind the first, up to the same size. A full disk costs the log and nothing else.
        head: bytes that the file has of the beginning.
        tail: bytes that are kept of the end.
    """

    def __init__(self, path: Path | None = None, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        self._path, self._head, self._tail = path, head, tail
        if path is not None:
            with contextlib.suppress(OSError):
                self._head -= path.stat().st_size
        self._recent: deque[bytes] = deque()
        self._recent_bytes = self._unwritten = 0

    def add(self, data: bytes) -> None:
        """Take what was printed."""
        if not data:
            return
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

    def last_lines(self, count: int = _LAST_LINES) -> tuple[str, ...]:
        """Return the last lines that are not empty, or the first of a crash's report; each of at most a few hundred characters."""
        text = b"".join(self._recent)[-self._tail :].decode(errors="replace").replace("\r", "\n")
        lines = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.split("\n")]
        kept = [line[:_LONGEST_LINE] for line in filter(None, lines)]
        crash = next((index for index, line in enumerate(kept) if line.startswith(_CRASH)), None)
        return tuple(kept[-count:] if crash is None else kept[crash : crash + count])

    def _write(self, data: bytes) -> None:
        if not data or self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)


class Worker:
    """One process. Whatever it does (die, hang, print, flood), this end gets a message or one clear error.

    Args:
        launch: how to start it.

    Raises:
        WorkerFailed: it cannot be started.
        UsageError: the system has no groups of processes, in which one is ended with all that it has started.
    """

    def __init__(self, launch: Launch) -> None:
        if not hasattr(os, "killpg"):
            raise UsageError("this command needs process groups, which this system does not have", hint="use ganbench run")
        self.name = launch.name
        self.printed = Printed()
        try:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=dict(launch.environment),
                cwd=launch.folder,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerFailed(f"{launch.name}: {launch.command[0]} cannot be started: {error}") from error
        self._answers, self._prints = _stream(self._process.stdout), _stream(self._process.stderr)
        self._open = {self._answers, self._prints}
        self._buffer = b""
        if launch.job is not None:
            try:
                self.send(launch.job)
            except BaseException:
                self.close()
                raise

    @property
    def exit_code(self) -> int | None:
        """The process's exit code, or minus the signal that ended it; None while it lives."""
        return self._process.poll()

    def send(self, order: Mapping[str, Any]) -> None:
        """Send an order.

        Raises:
            WorkerFailed: the process takes none any more.
        """
        assert self._process.stdin is not None
        data = memoryview(json.dumps(order).encode() + b"\n")
        try:
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
        except OSError:
            raise self._ended() from None

    def ask(self, order: Mapping[str, Any], kind: str, timeout: float) -> Any:
        """Send an order and return its answer."""
        self.send(order)
        return self.answer(kind, timeout)

    def answer(self, kind: str, timeout: float, beside: Iterable[Worker] = ()) -> Any:
        """Wait for an answer of this kind.

        Args:
            kind: of the answer.
            timeout: seconds, after which the process is ended.
            beside: other workers, of which none must wait until it is asked before it can print on.

        Raises:
            UsageError: its code refuses the order: it lacks the plugin or the setting, or the configuration is wrong.
            WorkerFailed: it failed, ended, took too long, or wrote something else.
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer and len(self._buffer) < _LONGEST_MESSAGE:
            if self._answers not in self._open:
                raise self._ended()
            left = deadline - time.monotonic()
            if left <= 0:
                self._kill()
                raise WorkerFailed(f"{self.name} gave no answer for {timeout:.0f} s and was ended", self.last_words())
            take_in((self, *beside), left)
        line, _, self._buffer = self._buffer.partition(b"\n")
        message = self._read_message(line, kind)
        if isinstance(error := message.get("error"), dict):
            if error.get("usage"):
                raise UsageError(str(error.get("message")))
            raise WorkerFailed(f"{self.name} failed: {error.get('message')}", self.last_words())
        if kind not in message:
            raise self._nonsense(line, kind)
        return message[kind]

    def messages(self) -> list[dict[str, Any]]:
        """Return all answers that have come, without waiting.

        Raises:
            WorkerFailed: something among them is none.
        """
        self._take_in()
        *lines, self._buffer = self._buffer.split(b"\n")
        return [self._read_message(line, "a message") for line in lines]

    def print_to(self, printed: Printed) -> None:
        """Keep what it prints from now on there."""
        self._take_in()
        self.printed = printed

    def last_words(self) -> tuple[str, ...]:
        """Return the last lines that it printed; of a process that has ended, all of them have come."""
        self._take_in()
        return self.printed.last_lines()

    def signal(self, number: int) -> None:
        """Send the process, and what it has started, a signal."""
        kill_group(self._process.pid, number)

    def close(self) -> None:
        """End it with its children; more than once does no harm."""
        self._kill()
        self._take_in()
        self._open.clear()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _take_in(self) -> None:
        """Read what has come on both streams; never waits."""
        self._buffer += self._read(self._answers)
        self.printed.add(self._read(self._prints))

    def _read(self, descriptor: int) -> bytes:
        pieces: list[bytes] = []
        while descriptor in self._open and len(pieces) < _MOST_CHUNKS:
            try:
                piece = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                break
            if piece:
                pieces.append(piece)
            else:
                self._open.remove(descriptor)
        return b"".join(pieces)

    def _read_message(self, line: bytes, kind: str) -> dict[str, Any]:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise self._nonsense(line, kind)
        return message

    def _nonsense(self, line: bytes, kind: str) -> WorkerFailed:
        return WorkerFailed(f"{self.name} answered with {line[:80].decode('utf-8', 'replace')!r} instead of {kind}", self.last_words())

    def _ended(self) -> WorkerFailed:
        """Return what to say of a process that has closed its streams."""
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
        kill_group(self._process.pid)
        self._process.wait()


def take_in(workers: Iterable[Worker], seconds: float) -> None:
    """Read what some workers say and print; wait until there is something, for so many seconds at most."""
    chosen = tuple(workers)
    select.select([descriptor for worker in chosen for descriptor in worker._open], [], [], max(0.0, seconds))
    for worker in chosen:
        worker._take_in()


def _stream(stream: IO[bytes] | None) -> int:
    """Return the descriptor of a pipe that is read without waiting."""
    assert stream is not None
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def kill_group(pid: int, number: int = getattr(signal, "SIGKILL", signal.SIGTERM)) -> None:
    """Send a signal to a process group; a group that has gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def main() -> None:
    """Begin as a worker: call the function that the second argument names; the first is the process id of whom it works for."""
    die_with_parent(int(sys.argv[1]))
    orders, say = private_streams()
    module, _, function = sys.argv[2].partition(":")
    getattr(importlib.import_module(module), function)(orders, say)


def private_streams() -> tuple[TextIO, Say]:
    """Return the orders and what says an answer; whatever else reads or prints in this process gets nothing, and stderr."""
    orders = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        line = memoryview(json.dumps(answer).encode() + b"\n")
        with contextlib.suppress(OSError):  # whom it works for has gone
            while line:
                line = line[os.write(answers, line) :]

    return orders, say


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return what asks a process to stop, as far as this system has it: Ctrl-C, ``kill``, and a terminal that has gone.

    A process that was told to outlive its terminal (``nohup``) ignores the last, and goes on doing so.
    """
    known = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    return tuple(number for number in known if number.name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, on Linux; leave at once where that has happened already.

    Args:
        parent: the process id of the parent.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

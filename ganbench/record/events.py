"""What happens in a run, told once to everybody who listens: plain frozen values, and the function that tells them.

The event log writes them down, the screen draws them, a matrix reads them from a pipe, and plugins get them in their hooks.

``events.jsonl`` holds every measured number of a run, one JSON object a line, appended as it happens. Each line goes to the operating
system at once, so that a killed process loses none; :meth:`EventLog.sync` forces them to the disk, and a run calls it with each checkpoint.
A checkpoint keeps :attr:`EventLog.offset`, and a resumed run truncates to it: what is repeated after a crash is not told twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from ganbench.record.files import open_own, storage_errors, write_bytes
from ganbench.record.record import Evaluation, RunRecord, Scalar
from ganbench.record.serialise import encode

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that has just happened in a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Event):
    """Everything is built and the run directory is there; training has not begun."""

    directory: Path
    name: str
    """The recipe or the architecture, as the user named it."""
    dataset: str
    seed: int
    config: Mapping[str, Scalar | list[str]]
    """The resolved configuration by path, as in config.toml."""
    description: str
    """What is run, in a few words."""
    resumed: bool
    """Whether the run goes on from a checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message(Event):
    """One line that the user should see."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed(Event):
    """A reporting interval has ended."""

    samples_seen: int
    total_samples: int
    generator_steps: int
    training_seconds: float
    samples_per_second: float
    """Over all training so far."""
    statistics: Mapping[str, float]
    """Means over the interval; see ``Algorithm.read_statistics``."""
    eta_seconds: float
    """Training that is left at this speed, evaluations not included."""
    unit: str = "images"
    """The samples in plural."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated(Event):
    """The metrics have been measured."""

    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved(Event):
    """A file has been written."""

    what: Literal["checkpoint", "samples"]
    path: Path
    samples_seen: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended(Event):
    """The run has come to an end in this process, and its record is written, whatever its status."""

    record: RunRecord


Listener = Callable[[Event], None]
"""Whoever wants to know what happens in a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReporterContext:
    """What a reporter that a plugin registers is told before the run."""

    quiet: bool = False
    """Whether the user wants nothing on the screen."""


class Listeners:
    """The listeners of a run. One that raises is named in a warning and not told again; it never ends the run.

    Args:
        listeners: told in this order.
    """

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._listeners = list(listeners)

    def follow_steps(self) -> bool:
        """Tell whether a listener has a method ``after_step``."""
        return any(hasattr(listener, "after_step") for listener in self._listeners)

    def tell(self, event: object, method: str = "__call__") -> None:
        """Tell everybody who has the method: of an event, or with ``after_step`` the trainer."""
        for listener in tuple(self._listeners):
            try:
                if (tell := getattr(listener, method, None)) is not None:
                    tell(event)
            except (Exception, SystemExit) as error:
                self._listeners.remove(listener)
                name = getattr(listener, "__qualname__", type(listener).__qualname__)
                text = " ".join(f"{type(error).__name__}: {error}".split())
                logger.warning("the listener %s raised %s; it is not told anything more", name, text)


class EventLog:
    """The writer of an event file.

    Args:
        path: the file; made when missing, else continued after its last whole line.

    Raises:
        StorageError: the disk is full or not writable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors(path):
            self._file = open(open_own(path, os.O_RDWR | os.O_APPEND), "a+b", buffering=0)  # noqa: PTH123, SIM115 - held open
            os.ftruncate(self._file.fileno(), _end_of_last_line(path))

    @property
    def offset(self) -> int:
        """Bytes written so far, for a checkpoint."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, event: str, **fields: object) -> None:
        """Append one line with the time in UTC, the event's name and its fields.

        Args:
            event: what happened: ``step``, ``evaluation``, ``checkpoint``.
            fields: plain values, lists, mappings or frozen dataclasses.

        Raises:
            StorageError: the disk is full or not writable; the torn line is taken back where possible.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps(encode({"time": now, "event": event, **fields}), allow_nan=False) + "\n"
        self._append(line.encode())

    def write_event(self, event: Event) -> None:
        """Append what an event of a run measured; events without numbers leave no line.

        Raises:
            StorageError: the disk is full or not writable.
        """
        match event:
            case Progressed():
                numbers = {"samples_seen": event.samples_seen, "generator_steps": event.generator_steps}
                self.write("progress", **numbers, training_seconds=round(event.training_seconds, 4), **event.statistics)
            case Evaluated(evaluation=evaluation):
                self.write("evaluation", samples_seen=evaluation.samples_seen, values=evaluation.values)

    def truncate(self, offset: int) -> None:
        """Forget every line after ``offset``; a file that is already shorter stays as it is."""
        with storage_errors(self.path):
            os.ftruncate(self._file.fileno(), min(max(offset, 0), self.offset))
        self.sync()

    def sync(self) -> None:
        """Force everything written so far to the disk; a file that somebody has removed, or put another in the place of, is there again."""
        with storage_errors(self.path):
            if not self._is_in_place():
                logger.warning("%s has been removed or replaced while the run goes on; it is written again", self.path)
                self._file.seek(0)
                write_bytes(self.path, self._file.read())
                self._file.close()
                self._file = self.path.open("a+b", buffering=0)
            os.fsync(self._file.fileno())

    def _is_in_place(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        return False

    def close(self) -> None:
        """Sync and close; more than once does no harm."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._file.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        before = self.offset
        with storage_errors(self.path):
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file.fileno(), before)
                raise


def read_events(path: Path, event: str = "") -> Iterator[Mapping[str, Any]]:
    """Yield the lines of an event file as mappings; a torn last line and damaged lines are left out.

    Args:
        path: the file; a missing one has no events.
        event: only events of this name; empty for all.
    """
    if not os.path.isfile(path):
        return
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                data = json.loads(line, object_hook=lambda one: float(one["$float"]) if set(one) == {"$float"} else one)
                if isinstance(data, dict) and event in ("", data.get("event")):
                    yield data


def _end_of_last_line(path: Path) -> int:
    """Return the offset after the last newline, so that a line torn by a crash is dropped."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 4096)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0

"""The server's side of a run that pages steer: what it says, what it is told, and that somebody watches.

Both sides meet in the folder ``live`` of the run, which the reporter ``watch`` makes; docs/watch.md says what is in it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganbench import RunDirectory

_FOLDER = "live"
_DEEDS = ("pause", "continue", "step", "update", "learning_rate")
_NEW = 0o600
"""Who may write into a file that is made here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """What a page asks of a run."""

    do: str
    """``pause``, ``continue``, ``step``, ``update`` (of one network alone) or ``learning_rate``."""
    optimizer: str = ""
    """Whose update, or learning rate."""
    value: float = 0.0
    """The learning rate."""

    @classmethod
    def read(cls, body: bytes) -> Command:
        """Return what a page has sent.

        Raises:
            ValueError: it is no command.
        """
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            raise ValueError("a command is a JSON object") from None
        if not isinstance(given, dict) or given.get("do") not in _DEEDS:
            raise ValueError(f"a command is one of {', '.join(_DEEDS)}")
        optimizer, value = given.get("optimizer"), given.get("value")
        if given["do"] == "update":
            if not isinstance(optimizer, str):
                raise ValueError("an update is of an optimizer")
            return cls(do="update", optimizer=optimizer)
        if given["do"] != "learning_rate":
            return cls(do=given["do"])
        if not isinstance(optimizer, str) or isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise ValueError("a learning rate is a number above 0, of an optimizer")
        return cls(do="learning_rate", optimizer=optimizer, value=float(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a run says of itself, at one moment."""

    path: Path
    stamp: str
    """Changes with what the file says."""
    is_heeding: bool
    """Whether the run does what it is told."""

    @property
    def facts(self) -> dict[str, Any]:
        """What pages are told; the rest they fetch."""
        return {"stamp": self.stamp, "heeds": self.is_heeding}


def shown_by(run: Path, before: Shown | None) -> Shown | None:
    """Return what a run shows now; None where it shows nothing. Cheap where that is as it was.

    Args:
        run: its folder.
        before: what it showed at the last look.
    """
    try:
        path = _file(run, "view.json")
        found = path.stat()
    except OSError:
        return None
    stamp = f"{found.st_mtime_ns}-{found.st_size}"
    if before is not None and before.stamp == stamp and (not before.is_heeding or RunDirectory(run).is_active):
        return before
    return Shown(path=path, stamp=stamp, is_heeding=_is_heeding(run))


def stay(run: Path) -> None:
    """Tell a run that somebody watches it; one that does not ask is left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(_file(run, "watched"), os.O_WRONLY | os.O_CREAT, _NEW)
        os.utime(descriptor)
        os.close(descriptor)


def send(run: Path, command: Command) -> str:
    """Tell a run what to do; return why it would not hear it, or nothing."""
    if not _is_heeding(run):
        return "this run takes no commands: it has ended, or was not started with --reporter watch"
    try:
        descriptor = os.open(_file(run, "commands.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, _NEW)
        try:
            os.write(descriptor, f"{json.dumps(asdict(command))}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"the run cannot be told: {error.strerror}"
    return ""


def _file(run: Path, name: str) -> Path:
    """Return a file of the folder; a run that somebody else has made may hold links to elsewhere.

    Raises:
        OSError: it, or the folder, is one.
    """
    path = run / _FOLDER / name
    if path.is_symlink() or path.parent.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return path


def _is_heeding(run: Path) -> bool:
    """Tell whether the process that works on a run is the one that wrote the view; a run that was killed leaves one too."""
    directory = RunDirectory(run)
    if not directory.is_active:
        return False
    try:
        holder = (run / ".lock").read_text(encoding="utf-8", errors="replace")
        said = json.loads(_file(run, "view.json").read_bytes())["process"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return holder.startswith(f"process {said} on ")

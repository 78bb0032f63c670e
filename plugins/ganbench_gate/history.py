"""The directory of a history: which file holds which record, adding, and reading all of it.

::

    .ganbench/
        <hardware>/<work>/<commit>-<time>-<run id>-<digest>.json     a record, as a run wrote it
        baselines/<name>.json                                        what `ganbench baseline set` wrote
        accept.toml                                                  see ganbench_gate.accept

A file is never changed, and its name holds a digest of its content: two copies of a history merge by putting their files together. There
is no index; what is in the directory is all there is. ``<hardware>`` is the digest of the hardware key, ``<work>`` that of the cell: what
was run without its seed and its code, because a series follows the code.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ganbench import (
    LaterVersion,
    RunRecord,
    StorageError,
    Unreadable,
    UsageError,
    cells_of,
    current_commit,
    find_runs,
    load,
    load_runs,
    storage_errors,
    to_json,
    write_text,
)

DEFAULT_HISTORY = Path(".ganbench")
"""Where a history is, below the current folder."""
UNKNOWN = "unknown"
"""What stands for a commit that nobody knows."""
DIRTY = "+dirty"
"""What follows a commit whose files were edited."""
_COMMIT = re.compile(r"[0-9a-f]{7,40}(\+dirty)?|unknown")
_COMMIT_DIGITS = 12
_KEY = re.compile(r"[0-9a-f]{12}")
_TIME = "%Y%m%dT%H%M%SZ"
_NAME_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One record of a history."""

    commit: str
    """12 hex digits, with ``+dirty`` where files were edited; ``unknown`` where nobody knew it."""
    moment: datetime
    """When the run began, in UTC."""
    record: RunRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """All that a directory holds, the oldest first."""

    entries: tuple[Entry, ...]
    damaged: tuple[Unreadable, ...]


def checked_commit(text: str) -> str:
    """Return a commit as a history names it.

    Raises:
        UsageError: it is none.
    """
    if not _COMMIT.fullmatch(text):
        raise UsageError(f"a commit must be 7 to 40 hex digits in small letters (got {text!r})", hint="`git rev-parse HEAD` prints one")
    digits, plus, _ = text.partition("+")
    return digits[:_COMMIT_DIGITS] + (DIRTY if plus else "")


def add_record(history: Path, record: RunRecord, commit: str = UNKNOWN) -> Path:
    """Put a finished run into a history and return its file; one that is there already is left as it is.

    Args:
        history: the directory, made when missing.
        record: complete or diverged.
        commit: what :func:`checked_commit` returned.

    Raises:
        UsageError: the run is not finished, or its time cannot be read.
        StorageError: the directory cannot be written.
    """
    if record.status not in ("complete", "diverged"):
        raise UsageError(f"run {record.run_id} is {record.status}, and a history holds finished runs only", hint="resume it first")
    text = to_json(record)
    digest = hashlib.sha256(text.encode()).hexdigest()[:_NAME_DIGITS]
    name = f"{commit}-{_moment(record).strftime(_TIME)}-{_slug(record.run_id)}-{digest}.json"
    path = history / record.keys.hardware.digest / cells_of([record])[0].digest / name
    if os.path.exists(path):
        return path
    _make_folder(path.parent)
    write_text(path, text)
    return path


def add_runs(history: Path, names: Sequence[str], commit: str | None) -> tuple[str, ...]:
    """Put the finished runs of some folders into a history; return why the others were passed over.

    Args:
        history: the directory, made where it is missing.
        names: runs as ``ganbench show`` finds them.
        commit: what they were made from; None for what lies checked out.

    Raises:
        UsageError: a name that is no run, or a commit that is none.
    """
    checked = checked_commit(commit) if commit is not None else current_commit()
    passed_over = []
    for item in load_runs(find_runs(names)):
        if isinstance(item, Unreadable):
            passed_over.append(item.reason)
        elif item.status not in ("complete", "diverged"):
            passed_over.append(f"run {item.run_id} is {item.status} and not added")
        else:
            add_record(history, item, checked)
    return tuple(passed_over)


def read_history(history: Path) -> History:
    """Return every record of a directory; what is damaged is named and passed over.

    Raises:
        UsageError: it is no directory, cannot be read, or holds a record of a later schema version.
    """
    entries, damaged = [], []
    for path in _files(history):
        try:
            record = load(path).record
            entries.append(Entry(commit=_commit_in_name(path.name), moment=_moment(record), record=record))
        except LaterVersion:
            raise
        except UsageError as error:
            damaged.append(Unreadable(path=path, reason=str(error)))
    entries.sort(key=lambda entry: (entry.moment, entry.record.run_id, entry.commit))
    return History(entries=tuple(entries), damaged=tuple(damaged))


def _commit_in_name(name: str) -> str:
    """Return the commit that a record's file name begins with; ``unknown`` where that is none."""
    text = name.partition("-")[0]
    return text if _COMMIT.fullmatch(text) else UNKNOWN


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        StorageError: it cannot be made.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise StorageError(f"cannot make the folder {folder}: a file is there", hint="choose another directory with --history")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _files(history: Path) -> Iterator[Path]:
    """Yield the records' files in the order of their names."""
    if os.path.exists(history) and not os.path.isdir(history):
        raise UsageError(f"{history} is not the directory of a history", hint="give the folder that `ganbench trend --add` filled")
    for hardware in _folders(history):
        for work in _folders(hardware):
            yield from sorted(path for path in work.glob("[!.]*.json") if os.path.isfile(path))


def _folders(folder: Path) -> list[Path]:
    try:
        return (
            sorted(child for child in folder.iterdir() if _KEY.fullmatch(child.name) and os.path.isdir(child))
            if os.path.exists(folder)
            else []
        )
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}", hint="check its permissions") from None


def _moment(record: RunRecord) -> datetime:
    try:
        moment = datetime.fromisoformat(record.created.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(f"record {record.run_id} is damaged: created must be a time in ISO 8601 (got {record.created!r})") from None
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _slug(text: str) -> str:
    """Return a run id as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_+.]+", "-", text).strip("-.")[-80:] or "run"

"""Named sets of records to compare with: one file for each, ``baselines/<name>.json`` in the directory of a history.

A file holds copies of the records, so the runs themselves may go; it is replaced as a whole or not at all.

Schema history
    1  (0.1.0) first version
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import LaterVersion, NothingToCompare, UsageError, did_you_mean
from ganbench.reading import read_file
from ganbench.record.files import storage_errors, write_text
from ganbench.record.find import Unreadable, find_runs, load_runs
from ganbench.record.record import RunRecord
from ganbench.record.serialise import encode, from_json

PREFIX = "baseline:"
"""How a side of a comparison begins that names a baseline."""
_SCHEMA_VERSION = 1
_FOLDER = "baselines"
_SCHEMA = "ganbench-baseline"
_AGAIN = "set it again with `ganbench baseline set`"
_COMMIT_DIGITS = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """One named set."""

    name: str
    created: str
    """UTC, ISO 8601."""
    commit: str
    """What lay checked out when it was set; ``unknown`` without a repository."""
    records: tuple[RunRecord, ...]
    damaged: tuple[str, ...]
    """Why records of it cannot be read; they are passed over."""


def current_commit(folder: Path = Path()) -> str:
    """Return the commit of the repository around a folder in 12 hex digits, with ``+dirty`` where tracked files were edited; ``unknown``
    where there is no git, no repository or no commit.
    """
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return "unknown"
    return head[:_COMMIT_DIGITS] + ("+dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str:
    """Return what git prints; nothing where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def finished_records(names: Sequence[str]) -> list[RunRecord]:
    """Return the records of some runs, for a baseline.

    Args:
        names: runs as ``ganbench show`` finds them.

    Raises:
        UsageError: one of them cannot be read or is not finished: a baseline with a hole would be compared with unseen.
    """
    records = []
    for item in load_runs(find_runs(names)):
        if isinstance(item, Unreadable):
            raise UsageError(item.reason)
        if item.status not in ("complete", "diverged"):
            raise UsageError(f"run {item.run_id} is {item.status}, and a baseline holds finished runs only", hint="resume it first")
        records.append(item)
    return records


def resolve_baseline(name: str, history: Path) -> list[RunRecord]:
    """Return the records of a baseline, for a side of a comparison; warns of each that cannot be read.

    Args:
        name: without :data:`PREFIX`.
        history: directory of the history.

    Raises:
        UsageError: there is none of that name, it is damaged or of a later schema version.
        NothingToCompare: none of its records can be read.
    """
    baseline = read_baseline(name, history)
    for reason in baseline.damaged:
        _log.warning("%s", reason)
    if not baseline.records:
        raise NothingToCompare(f"baseline {name} has no record that can be read", hint=_AGAIN)
    return list(baseline.records)


def write_baseline(name: str, history: Path, records: Sequence[RunRecord], *, created: str, commit: str) -> Path:
    """Set a baseline, in the place of one of the same name, and return its file.

    Args:
        name: letters, digits, dots, dashes and underscores.
        history: directory of the history, made when missing.
        records: at least one.
        created: the time, UTC, ISO 8601.
        commit: what lies checked out.

    Raises:
        UsageError: the name is none.
        StorageError: it cannot be written.
    """
    path = _path(name, history)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "schema": _SCHEMA,
        "schema_version": _SCHEMA_VERSION,
        "name": name,
        "created": created,
        "commit": commit,
        "records": [encode(record) for record in records],
    }
    write_text(path, json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read_baseline(name: str, history: Path) -> Baseline:
    """Return a baseline; what is damaged of its records is named and passed over.

    Raises:
        UsageError: there is none of that name, it is damaged as a whole, or it or a record of it is of a later schema version.
    """
    path = _path(name, history)
    try:
        text = read_file(path)
    except FileNotFoundError:
        raise UsageError(f"no baseline {name!r} in {history}", hint=_known(name, history)) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from None
    whole = _checked(text, path)
    records, damaged = [], []
    for number, item in enumerate(whole["records"], start=1):
        source = f"record {number} of {path}"
        try:
            records.append(from_json(json.dumps(item), source))
        except LaterVersion:
            raise
        except UsageError as error:
            damaged.append(str(error))
    return Baseline(name=name, created=whole["created"], commit=whole["commit"], records=tuple(records), damaged=tuple(damaged))


def baseline_names(history: Path) -> list[str]:
    """Return the names of all baselines, sorted.

    Raises:
        UsageError: the folder cannot be read.
    """
    folder = history / _FOLDER
    if not os.path.isdir(folder):
        return []
    try:
        return sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}", hint="check its permissions") from None


def remove_baseline(name: str, history: Path) -> None:
    """Delete a baseline.

    Raises:
        UsageError: there is none of that name.
        StorageError: it cannot be deleted.
    """
    path = _path(name, history)
    with storage_errors(path):
        try:
            path.unlink()
        except FileNotFoundError:
            raise UsageError(f"no baseline {name!r} in {history}", hint=_known(name, history)) from None


def _path(name: str, history: Path) -> Path:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"a baseline's name must be letters, digits, dots, dashes and underscores (got {name!r})", hint="for instance main"
        )
    return history / _FOLDER / f"{name}.json"


def _known(name: str, history: Path) -> str:
    names = baseline_names(history)
    return did_you_mean(name, names) if names else f"`ganbench baseline set {name} RUN...` makes it"


def _checked(text: bytes, path: Path) -> dict[str, Any]:
    """Return the file's object if it has the fields of a baseline."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is damaged: not JSON ({error})", hint=_AGAIN) from None
    if not isinstance(whole, dict) or whole.get("schema") != _SCHEMA:
        raise UsageError(f"{path} is not a baseline", hint=_AGAIN)
    version = whole.get("schema_version")
    if isinstance(version, int) and version > _SCHEMA_VERSION:
        raise LaterVersion(path, version, _SCHEMA_VERSION)
    kinds = {"schema_version": int, "created": str, "commit": str, "records": list}
    wrong = [name for name, kind in kinds.items() if not isinstance(whole.get(name), kind)]
    if wrong:
        raise UsageError(f"{path} is damaged: {wrong[0]} must be {kinds[wrong[0]].__name__}", hint=_AGAIN)
    return whole

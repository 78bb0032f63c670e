"""From what the user typed to the records it means.

A run is named by its folder, a folder of runs, a glob, a record file, or the run id (or an unambiguous beginning of it) below the default
folder. A run whose record cannot be read is not lost: it becomes an :class:`Unreadable` with the reason.
"""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganbench.errors import NothingToCompare, UsageError, did_you_mean
from ganbench.reading import read_file
from ganbench.record.directory import DEFAULT_RUNS, RunDirectory, is_run
from ganbench.record.record import RunRecord
from ganbench.record.serialise import from_json
from ganbench.text import resume_command


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A run whose record is damaged or missing."""

    path: Path
    reason: str


def find_runs(names: Sequence[str] = (), root: Path = DEFAULT_RUNS) -> tuple[Path, ...]:
    """Return the run folders and record files that ``names`` mean, each once, in order.

    Args:
        names: folders, globs, record files or run ids; empty for every run below ``root``.
        root: where run ids are looked up.

    Raises:
        UsageError: a name that is no run.
        NothingToCompare: no run at all.
    """
    found: list[Path] = []
    for name in names:
        found += _expand(name, root)
    if not names:
        found += runs_below(root)
    unique = tuple(dict.fromkeys(path.resolve() for path in found))
    if not unique:
        where = ", ".join(names) if names else str(root)
        raise NothingToCompare(f"no run found in {where}", hint="make one with `ganbench run`")
    return tuple(_shortest(path) for path in unique)


def find_run(name: str = "", root: Path = DEFAULT_RUNS) -> Path:
    """Return the one run that ``name`` means; the newest below ``root`` where it is empty.

    Raises:
        UsageError: a name that is no run, or several.
        NothingToCompare: no run at all.
    """
    runs = find_runs((name,) if name else (), root)
    if name and len(runs) > 1:
        raise UsageError(f"{name} holds {len(runs)} runs, one is wanted", hint=f"for instance {runs[-1]}")
    return runs[-1] if name else max(runs, key=lambda path: (path.stat().st_mtime, path.name))


def load_run(path: Path) -> RunRecord:
    """Return the record of a run folder or record file, whether the run is finished or not.

    A run that says ``running`` and on which no process works was killed, and is returned as interrupted.

    Raises:
        UsageError: the record is missing, damaged or of a later schema version.
    """
    if os.path.isfile(path):
        return from_json(_read(path), str(path))
    next(_children(path), None)  # a folder that cannot be read looks as if nothing were in it
    run = RunDirectory(path)
    if run.is_finished:
        return from_json(_read(run.record_path), str(run.record_path))
    if not os.path.exists(run.partial_record_path):
        raise UsageError(f"{path} has no record yet", hint=f"continue it with `{resume_command(path)}`")
    record = from_json(_read(run.partial_record_path), str(run.partial_record_path))
    if record.status != "running" or run.is_active:
        return record
    return dataclasses.replace(record, status="interrupted", status_detail=f"killed; continue it with `{resume_command(path)}`")


def load_runs(paths: Sequence[Path]) -> tuple[RunRecord | Unreadable, ...]:
    """Return the record of each path, and an :class:`Unreadable` in the place of each that cannot be read."""
    return tuple(_load_or_reason(path) for path in paths)


def runs_below(folder: Path) -> Iterator[Path]:
    """Yield the run folders below ``folder`` by name, and the folders that cannot be read; runs are not searched for runs."""
    if is_run(folder):
        yield folder
    elif os.path.isdir(folder):
        for child in sorted(_children(folder)):
            if os.path.isdir(child) and not child.is_symlink():
                yield from runs_below(child) if os.access(child, os.R_OK | os.X_OK) else (child,)


def _load_or_reason(path: Path) -> RunRecord | Unreadable:
    try:
        return load_run(path)
    except UsageError as error:
        return Unreadable(path=path, reason=str(error))


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from None


def _expand(name: str, root: Path) -> list[Path]:
    path = Path(name)
    if os.path.isdir(path):
        return _in_folder(path)
    if os.path.isfile(path):
        return _record_file(path)
    if glob.has_magic(name):
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        return [run for match in matches for run in _in_glob(match)]
    return [_by_id(name, root)]


def _in_folder(path: Path) -> list[Path]:
    runs = list(runs_below(path))
    if not runs and any(True for _ in _children(path)):
        raise UsageError(f"{path} holds no run", hint="give a run folder, a folder of runs or a run id")
    return runs


def _in_glob(match: Path) -> list[Path]:
    """Return the runs of one match of a glob, which may match other things too."""
    if os.path.isdir(match):
        return list(runs_below(match))
    return _record_file(match) if match.suffix == ".json" else []


def _record_file(path: Path) -> list[Path]:
    if os.path.isdir(path.parent) and is_run(path.parent):
        return [path.parent]
    if path.suffix != ".json":
        raise UsageError(f"{path} is neither a run folder nor a record.json", hint="give a run folder, a folder of runs or a run id")
    return [path]


def _by_id(name: str, root: Path) -> Path:
    runs = {run.name: run for run in runs_below(root)}
    matches = [run for run_id, run in runs.items() if run_id.startswith(name)]
    if name in runs or len(matches) == 1:
        return runs.get(name, matches[0] if matches else root)
    if matches:
        raise UsageError(f"{name!r} is the beginning of {len(matches)} run ids", hint=f"for instance {matches[-1].name}")
    hint = "there is none yet" if not runs else f"`ganbench table` lists the runs in {root}"
    if 0 < len(runs) <= 20:
        hint = did_you_mean(name, list(runs))
    raise UsageError(f"no run {name!r}: neither a path nor a run id below {root}", hint=hint)


def _children(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}", hint="check its permissions") from None


def _shortest(path: Path) -> Path:
    """Return a path relative to the current folder where it lies below it."""
    here = Path(os.path.realpath("."))
    return path.relative_to(here) if path.is_relative_to(here) else path

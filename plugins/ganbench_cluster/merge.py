"""``ganbench matrix-merge``: the shards of a matrix in one folder; the same from any order, and from a second call."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ganbench import CellRow, MatrixLedger, NothingToCompare, RunDirectory, RunLock, UsageError, encode, read_file, storage_errors

_LEDGER = "matrix.json"
_ARRIVING = ".arriving"
_LOGS = "logs"
_RANKS = ("waiting", "unsupported", "running", "interrupted", "failed", "diverged", "done")
"""States of a cell; what two shards say of one is the later here."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Merged:
    """What was put together."""

    shards: int
    cells: int
    copied: int
    known: int


@click.command("matrix-merge")
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SHARD...")
@click.option("--into", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of the whole matrix.")
@click.option("--move", is_flag=True, help="Move the runs, and leave the shards without them.")
def command(shards: tuple[Path, ...], folder: Path, move: bool) -> None:
    """Put the shards of a matrix together in one folder: runs, logs, and the rows of cells that are no runs.

    SHARD is the folder of a shard, or one that holds such folders. The order does not matter, and a second call changes nothing. Two
    different finished runs of one cell are a conflict: they are named, and nothing is changed.
    """
    done = merge(shards, folder, move=move)
    runs = f"{done.copied} runs {'moved' if move else 'copied'}, {done.known} there already"
    click.echo(f"{done.shards} shards: {done.cells} cells, {runs}; everything is in {folder}")


def merge(shards: Sequence[Path], folder: Path, *, move: bool = False) -> Merged:
    """Put shards together; see :func:`command`.

    Raises:
        NothingToCompare: there is no shard.
        UsageError: one is still running, a ledger is damaged, or two finished runs of one cell differ.
        StorageError: the disk is full; each run is there whole or not at all.
    """
    sources = [one for one in _shards_of(shards) if not _is_same(one, folder)]
    if not sources:
        raise NothingToCompare(f"no shard in {', '.join(map(str, shards))}", hint="a shard's folder holds matrix.json")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as locks:
        for one in sources:
            locks.enter_context(_locked(one))
        locks.enter_context(_locked(folder, make=True))
        locks.callback(shutil.rmtree, folder / _ARRIVING, ignore_errors=True)
        chosen = _choose([folder, *sources])
        rows = _merged_rows([folder, *sources])
        copied = 0
        for name, source in sorted(chosen.items()):
            if source != folder:
                _bring(source / name, folder / name, move=move)
                copied += 1
            _bring_log(source / _LOGS / f"{name}.log", folder / _LOGS)
        _write(rows, folder)
    return Merged(len(sources), len(rows), copied, len(chosen) - copied)


def _shards_of(paths: Sequence[Path]) -> list[Path]:
    """Return the folders with a ledger, each once."""
    found: dict[Path, Path] = {}
    for path in paths:
        inner = sorted(one.parent for one in path.glob(f"*/{_LEDGER}")) if not os.path.isfile(path / _LEDGER) else [path]
        if not inner:
            raise NothingToCompare(f"no shard in {path}", hint="a shard's folder holds matrix.json")
        found |= {one.resolve(): one for one in inner}
    return list(found.values())


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


@contextlib.contextmanager
def _locked(folder: Path, *, make: bool = False) -> Iterator[None]:
    """Keep calls of a matrix away.

    Raises:
        UsageError: one is running.
    """
    with contextlib.ExitStack() as held:
        paths = {*folder.glob(".matrix*.lock"), *([folder / ".matrix.lock"] if make else [])} - {folder / f".{_LEDGER}.lock"}
        for path in sorted(paths):
            lock = RunLock(path)
            lock.acquire()
            held.callback(lock.release)
        yield


def _choose(folders: Sequence[Path]) -> dict[str, Path]:
    """Return from which folder each run comes: the finished one, else the one that has come furthest; of equal ones the first.

    Raises:
        UsageError: two finished ones differ, or a ledger leads out of its folder.
    """
    chosen: dict[str, Path] = {}
    conflicts: set[str] = set()
    for folder in folders:
        for row in MatrixLedger(folder).rows():
            name, now = row.directory, chosen.get(row.directory)
            if name == ".." or Path(name).name != name:
                raise UsageError(f"{folder / _LEDGER} names a run outside its folder: {name!r}", hint="leave this shard out")
            if not name or now == folder or not os.path.isdir(folder / name):
                continue
            if now is None or _progress(folder / name) > _progress(now / name):
                chosen[name] = folder
            elif RunDirectory(folder / name).is_finished and _record(folder / name) != _record(now / name):
                conflicts.add(f"{row.name} in {now} and {folder}")
    if conflicts:
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        what = f"two finished runs of one cell differ: {'; '.join(sorted(conflicts)[:_SHOWN])}{more}"
        raise UsageError(what, hint="remove the one that you do not want; nothing was merged")
    return chosen


def _progress(run: Path) -> tuple[bool, int, bytes]:
    """Return what tells which of two runs of a cell has come further; the last part decides between equal ones that are unfinished."""
    if RunDirectory(run).is_finished:
        return (True, 0, b"")
    partial = _record(run, "partial_record.json")
    try:
        return (False, int(json.loads(partial)["work"]["samples_seen"]), partial)
    except (ValueError, KeyError, TypeError):
        return (False, -1, partial)


def _record(run: Path, name: str = "record.json") -> bytes:
    with contextlib.suppress(OSError):
        return read_file(run / name)
    return b""


def _merged_rows(folders: Sequence[Path]) -> list[CellRow]:
    """Return one row for each cell, in an order that does not depend on that of the folders."""
    rows: dict[str, CellRow] = {}
    for folder in folders:
        for row in MatrixLedger(folder).rows():
            rows[row.key] = max(rows.get(row.key, row), row, key=_rank)
    return sorted(rows.values(), key=lambda row: [(not part.isdigit(), part.rjust(20) if part.isdigit() else part) for part in _parts(row)])


def _rank(row: CellRow) -> tuple[int, int, str]:
    return (_RANKS.index(row.state), row.attempts, json.dumps(encode(row), sort_keys=True))


def _parts(row: CellRow) -> list[str]:
    """Return a row's key in letters and numbers, so that seed=2 comes before seed=10."""
    parts = [""]
    for character in row.key:
        if parts[-1] and parts[-1].isdigit() == character.isdigit():
            parts[-1] += character
        else:
            parts.append(character)
    return parts[1:]


def _bring(source: Path, target: Path, *, move: bool) -> None:
    """Put a run's directory in its place, whole or not at all. What it replaces there had not come as far."""
    arriving = target.parent / _ARRIVING
    with storage_errors(target):
        arriving.mkdir(exist_ok=True)
        new, old = (arriving / f"{what}-{secrets.token_hex(4)}-{target.name}" for what in ("new", "old"))
        here = move and source.stat().st_dev == arriving.stat().st_dev
        try:
            if not here:
                shutil.copytree(source, new, symlinks=True)
            if os.path.exists(target):
                target.rename(old)
            (source if here else new).rename(target)
        except shutil.Error as error:  # holds the errors of all files
            raise OSError(*_first_of(error)) from error
        if move and not here:
            shutil.rmtree(source, ignore_errors=True)


def _first_of(error: shutil.Error) -> tuple[int, str]:
    what = str(error.args[0][0][2])
    digits = what.partition("[Errno ")[2].partition("]")
    return (int(digits[0]), digits[2].strip().partition(":")[0]) if digits[0].isdigit() else (5, what)


def _bring_log(log: Path, folder: Path) -> None:
    """Copy what a cell printed; it is not worth an error."""
    with contextlib.suppress(OSError):
        if os.path.isfile(log) and not os.path.exists(folder / log.name):
            folder.mkdir(exist_ok=True)
            shutil.copy2(log, folder / log.name)


def _write(rows: Sequence[CellRow], folder: Path) -> None:
    """Put a ledger of these rows in the place of the one that is there."""
    arriving = folder / _ARRIVING / "ledger"
    with storage_errors(folder / _LEDGER):
        arriving.mkdir(parents=True, exist_ok=True)
        MatrixLedger(arriving).update(rows)
        (arriving / _LEDGER).replace(folder / _LEDGER)
        (folder / f"{_LEDGER}l").unlink(missing_ok=True)

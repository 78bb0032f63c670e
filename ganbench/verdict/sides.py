"""Base and head as the user names them: stored runs or baselines, or files of pytest-benchmark; and the verdict on the two."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import NothingToCompare, UsageError
from ganbench.reading import read_file
from ganbench.record.baseline import PREFIX, resolve_baseline
from ganbench.record.find import Unreadable, find_runs, load_runs
from ganbench.record.record import RunRecord
from ganbench.verdict.findings import Comparison
from ganbench.verdict.policy import Policy
from ganbench.verdict.pytest_benchmark import Timed, compare_benchmarks, is_benchmark_file, read_benchmarks
from ganbench.verdict.stored import compare_records


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSide:
    """Base or head: records of runs, or benchmarks of files of pytest-benchmark."""

    name: str
    """As the user gave it."""
    paths: frozenset[Path]
    records: tuple[RunRecord, ...] = ()
    benchmarks: tuple[Timed, ...] = ()


def load_side(which: str, names: Sequence[str], history: Path) -> StoredSide:
    """Return one side.

    Args:
        which: ``base`` or ``head``.
        names: runs as ``ganbench show`` finds them, folders of runs, ``baseline:NAME``, files of pytest-benchmark; commas between several.
        history: the directory that holds the baselines.

    Raises:
        UsageError: a name that is no run, a record that cannot be read, or runs beside benchmarks.
        NothingToCompare: no run at all.
    """
    parts = [part for name in names for part in _split(which, name)]
    files = [part for part in parts if _is_benchmark(part)]
    if files and len(files) < len(parts):
        other = next(part for part in parts if part not in files)
        raise UsageError(f"{which} mixes files of pytest-benchmark with runs: {files[0]}, {other}", hint="compare them one at a time")
    return _of_files(parts) if files else _of_runs(parts, history)


def compare_sides(base: StoredSide, head: StoredSide, policy: Policy) -> Comparison:
    """Return the verdict; a speed that was measured at two times gates nothing unless the user says so.

    Raises:
        UsageError: one side holds runs and the other benchmarks.
        NothingToCompare: there is no benchmark on one side.
    """
    for which, side in (("base", base), ("head", head)):
        if not side.records and not side.benchmarks:
            raise NothingToCompare(f"{which} holds no benchmark: {side.name}")
    if bool(base.records) != bool(head.records):
        runs, files = (base, head) if base.records else (head, base)
        raise UsageError(f"{runs.name} holds runs, and {files.name} is of pytest-benchmark", hint="give two of a kind")
    policy = dataclasses.replace(policy, gates={"throughput": "warn", **policy.gates})
    if base.records:
        comparison = compare_records(base.records, head.records, policy, base_name=base.name, head_name=head.name)
    else:
        comparison = compare_benchmarks(base.benchmarks, head.benchmarks, policy, base_name=base.name, head_name=head.name)
    shared = len(base.paths & head.paths)
    notes = (f"{shared} {'is' if shared == 1 else 'are'} on both sides",) if shared else ()
    return dataclasses.replace(comparison, notes=(*notes, *comparison.notes))


def _split(which: str, name: str) -> list[str]:
    """Return the names that commas separate; a path with a comma in it is one."""
    parts = [name] if os.path.exists(Path(name)) else name.split(",")
    if not all(part.strip() for part in parts):
        raise UsageError(f"{which} has an empty name between commas (got {name!r})", hint="name a run, a folder of runs or a file")
    return [part.strip() for part in parts]


def _is_benchmark(name: str) -> bool:
    path = Path(name)
    return path.suffix == ".json" and os.path.isfile(path) and is_benchmark_file(_read(path))


def _of_files(names: Sequence[str]) -> StoredSide:
    paths = {Path(name).resolve(): name for name in names}
    benchmarks = tuple(one for path, name in paths.items() for one in read_benchmarks(_read(path), name))
    return StoredSide(name=", ".join(paths.values()), paths=frozenset(paths), benchmarks=benchmarks)


def _of_runs(names: Sequence[str], history: Path) -> StoredSide:
    kept = [record for name in names if name.startswith(PREFIX) for record in resolve_baseline(name.removeprefix(PREFIX), history)]
    folders = [name for name in names if not name.startswith(PREFIX)]
    paths = find_runs(folders) if folders else []
    loaded = load_runs(paths)
    unreadable = [item for item in loaded if isinstance(item, Unreadable)]
    if unreadable:
        raise UsageError(f"{len(unreadable)} of {len(loaded)} runs in {', '.join(names)} cannot be read: {unreadable[0].reason}")
    records = (*kept, *(item for item in loaded if not isinstance(item, Unreadable)))
    return StoredSide(name=", ".join(names), paths=frozenset(path.resolve() for path in paths), records=records)


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from None

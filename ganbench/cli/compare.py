"""``ganbench compare``: a verdict on stored runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.completion import run_ids
from ganbench.cli.verdict import deliver, outputs_of, policy_of, verdict_options
from ganbench.errors import NothingToCompare, UsageError

if TYPE_CHECKING:
    from ganbench.record.record import RunRecord
    from ganbench.verdict import Comparison, Policy
    from ganbench.verdict.pytest_benchmark import Timed

_QUALITY = ("final", "best")


@click.command("compare")
@click.argument("sides", nargs=-1, metavar="[BASE HEAD]", shell_complete=run_ids)
@click.option("--base", "bases", multiple=True, metavar="RUN", shell_complete=run_ids, help="One more run of base.")
@click.option("--head", "heads", multiple=True, metavar="RUN", shell_complete=run_ids, help="One more run of head.")
@click.option("--quality", type=click.Choice(_QUALITY), default="final", show_default=True, help="Which value of a run is its quality.")
@click.option("--history", type=click.Path(path_type=Path), default=".ganbench", show_default=True, metavar="DIR", help="Of the baselines.")
@verdict_options
def command(sides: tuple[str, ...], bases: tuple[str, ...], heads: tuple[str, ...], **flags: Any) -> int:
    """Compare HEAD with BASE: what regressed, improved, is unchanged or cannot be decided, with an interval.

    BASE and HEAD are runs (folder, id or its beginning), folders of runs, baseline:NAME, several of them with commas between, or JSON files
    of pytest-benchmark. The runs of a side that differ in their seed only are replicates; a single run on a side decides what has no noise.

    \b
    ganbench compare results/main results/branch
    ganbench compare --base runs/a --base runs/b --head runs/c
    ganbench compare baseline:main results/runs/RUN
    ganbench compare main branch -o junit=verdict.xml -o markdown=verdict.md
    ganbench compare main branch --threshold throughput=15% --gate memory=warn

    \b
    KIND of -o is one of
    terminal, json, markdown, junit, csv
    github-benchmark   for github-action-benchmark, PATH-bigger and PATH-smaller
    pytest-benchmark   for pytest-benchmark compare, PATH-base and PATH-head
    A tier is one of deterministic, memory, throughput, quality, time-to-quality.

    Exit codes: 0 no gated metric regressed, 1 one did or is missing, 2 usage, 4 nothing is comparable, 5 nothing to compare. In a GitHub
    workflow the verdict is added to the step's summary.
    """
    from ganbench.cli.compare import compare_sides, load_side, refuse_empty

    base_names, head_names = _names(sides, bases, heads)
    policy = policy_of(flags, quality=flags["quality"])
    outputs_of(flags)
    history = flags.pop("history")
    base, head = load_side("base", base_names, history), load_side("head", head_names, history)
    refuse_empty(base, head)
    return deliver(compare_sides(base, head, policy), flags)


def _names(sides: Sequence[str], bases: Sequence[str], heads: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return what base and head are called, however they were given.

    Raises:
        UsageError: a side is missing, given twice, or there are more than two.
    """
    if sides and (bases or heads):
        raise UsageError(f"give BASE and HEAD, or --base and --head (got {sides[0]!r} too)", hint="several runs have commas between")
    if len(sides) > 2:
        raise UsageError(f"two sides are compared (got {len(sides)})", hint="put commas between the runs of one side")
    if sides:
        bases, heads = sides[:1], sides[1:]
    for which, names in (("base", bases), ("head", heads)):
        if not names:
            raise UsageError(f"{which} is missing", hint="give BASE and HEAD, or --base and --head")
    return bases, heads


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """Base or head: records of runs, or benchmarks of files of pytest-benchmark."""

    name: str
    """As the user gave it."""
    paths: frozenset[Path]
    records: tuple[RunRecord, ...] = ()
    benchmarks: tuple[Timed, ...] = ()


def load_side(which: str, names: Sequence[str], history: Path) -> Side:
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


def compare_sides(base: Side, head: Side, policy: Policy) -> Comparison:
    """Return the verdict.

    Raises:
        UsageError: one side holds runs and the other benchmarks.
    """
    from ganbench.verdict import compare_records
    from ganbench.verdict.pytest_benchmark import compare_benchmarks

    if bool(base.records) != bool(head.records):
        runs, files = (base, head) if base.records else (head, base)
        raise UsageError(f"{runs.name} holds runs, and {files.name} is of pytest-benchmark", hint="give two of a kind")
    if base.records:
        comparison = compare_records(base.records, head.records, policy, base_name=base.name, head_name=head.name)
    else:
        comparison = compare_benchmarks(base.benchmarks, head.benchmarks, policy, base_name=base.name, head_name=head.name)
    shared = len(base.paths & head.paths)
    notes = (f"{shared} {'is' if shared == 1 else 'are'} on both sides",) if shared else ()
    return dataclasses.replace(comparison, notes=(*notes, *comparison.notes))


def _split(which: str, name: str) -> list[str]:
    """Return the names that commas separate; a path with a comma in it is one."""
    parts = [name] if Path(name).exists() else name.split(",")
    if not all(part.strip() for part in parts):
        raise UsageError(f"{which} has an empty name between commas (got {name!r})", hint="name a run, a folder of runs or a file")
    return [part.strip() for part in parts]


def _is_benchmark(name: str) -> bool:
    from ganbench.verdict.pytest_benchmark import is_benchmark_file

    path = Path(name)
    return path.suffix == ".json" and path.is_file() and is_benchmark_file(_read(path))


def _of_files(names: Sequence[str]) -> Side:
    from ganbench.verdict.pytest_benchmark import read_benchmarks

    paths = {Path(name).resolve(): name for name in names}
    benchmarks = tuple(one for path, name in paths.items() for one in read_benchmarks(_read(path), name))
    return Side(name=", ".join(paths.values()), paths=frozenset(paths), benchmarks=benchmarks)


def _of_runs(names: Sequence[str], history: Path) -> Side:
    from ganbench.record.baseline import PREFIX, resolve_baseline
    from ganbench.record.find import Unreadable, find_runs, load_runs

    kept = [record for name in names if name.startswith(PREFIX) for record in resolve_baseline(name.removeprefix(PREFIX), history)]
    folders = [name for name in names if not name.startswith(PREFIX)]
    paths = find_runs(folders) if folders else []
    loaded = load_runs(paths)
    unreadable = [item for item in loaded if isinstance(item, Unreadable)]
    if unreadable:
        raise UsageError(f"{len(unreadable)} of {len(loaded)} runs in {', '.join(names)} cannot be read: {unreadable[0].reason}")
    records = (*kept, *(item for item in loaded if not isinstance(item, Unreadable)))
    return Side(name=", ".join(names), paths=frozenset(path.resolve() for path in paths), records=records)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from None


def refuse_empty(base: Side, head: Side) -> None:
    """Refuse files of pytest-benchmark without a benchmark.

    Raises:
        NothingToCompare: there is none on one side.
    """
    for which, side in (("base", base), ("head", head)):
        if not side.records and not side.benchmarks:
            raise NothingToCompare(f"{which} holds no benchmark: {side.name}")

"""A matrix as a call: of the command line, of Python programs, of notebooks."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganbench.config.values import build_options, read_pairs
from ganbench.errors import UsageError
from ganbench.fleet.executor import CellProgress, Executor, ExecutorContext
from ganbench.fleet.matrix.axes import axis
from ganbench.fleet.matrix.definition import read_definition, with_values
from ganbench.fleet.matrix.ledger import CellRow, MatrixLedger
from ganbench.fleet.matrix.plan import PlannedCell, plan_cells
from ganbench.fleet.matrix.schedule import MatrixListener, Result, Rules, Scheduler, share_threads
from ganbench.fleet.matrix.wanted import expand
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import DEFAULT_RUNS, RunLock, make_folder
from ganbench.record.events import ReporterContext
from ganbench.run.call import StoredRun, load
from ganbench.run.reporters import build_reporters, choose_reporters
from ganbench.spec import ExecutorSpec


@dataclass(frozen=True, slots=True)
class StoredMatrix:
    """What became of each cell, and where the runs lie."""

    rows: tuple[CellRow, ...]
    directory: Path

    @property
    def runs(self) -> tuple[StoredRun, ...]:
        """The cells that came to an end, with their records."""
        return tuple(load(self.directory / row.directory) for row in self.rows if row.state in ("done", "diverged"))


def matrix(
    definition: str | Path | None = None,
    *,
    axes: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    options: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    executor: str = "local",
    exclusive: bool = False,
    trust_files: bool = False,
    reporters: Sequence[str] = (),
    on_row: Callable[[CellRow], None] | None = None,
) -> StoredMatrix:
    """Run the cross product of some settings, each cell in a process of its own; called again, run what is not finished.

    Args:
        definition: a TOML file as ``ganbench matrix`` takes it, or None.
        axes: the values of each axis, by short name or path: ``{"plugin": ["dcgan", "wgan-gp"], "seed": [0, 1, 2]}``.
        settings: of every cell, by short name or path.
        options: plugin options of every cell, as after ``-o``; ``NAME.KEY`` is a reporter's.
        out: the folder of the runs; None for ``results/runs/NAME``.
        jobs: cells at a time; they share the CPUs.
        executor: what runs them.
        exclusive: whether each cell runs alone, for timings.
        trust_files: whether plugin files that the definition names may run although this user has never run them.
        reporters: names of the plugins that every cell tells what happens in its run.
        on_row: told of a cell when it begins and when it has ended.

    Raises:
        UsageError: an axis or a setting that is none.
        StorageError: the disk is full; what was finished is kept.
    """
    read = None if definition is None else read_definition(Path(definition), trust_files=trust_files)
    given = [axis(name, values, "axes") for name, values in (axes or {}).items()]
    manager = PluginManager()
    told, own = find_reporters(manager, reporters, [f"{name}={value}" for name, value in (options or {}).items()])
    wanted = with_values(read, axes=given, settings=settings or {}, options=tuple(read_pairs("-o", own).items()), exclusive=exclusive)
    folder = DEFAULT_RUNS / wanted.name if out is None else Path(out)
    start = find_executor(manager, executor, {})
    planned = plan_cells(expand(wanted), folder)
    with started_executor(start, folder, jobs=jobs) as made:
        result = run_cells(planned, made, MatrixLedger(folder), _RowListener(on_row or (lambda row: None)), reporters=told)
    return StoredMatrix(result.rows, folder)


def find_executor(manager: PluginManager, name: str, options: Mapping[str, Any]) -> Callable[[ExecutorContext], Executor]:
    """Return what makes an executor; nothing is started yet.

    Raises:
        UsageError: there is none of that name, or an option is wrong.
    """
    registered = manager.find(ExecutorSpec, name)
    return functools.partial(registered.build, build_options(registered.spec.options, dict(options), name))


def find_reporters(
    manager: PluginManager, names: Sequence[str], options: Sequence[str]
) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """Return the reporters of the cells by name, each with its options, and the options that are the cells' own.

    Each is built once, told nothing and let go: what is wrong with it, or missing, should not be found out by every cell.

    Raises:
        UsageError: there is none of that name, an option is wrong, or it cannot be built.
    """
    chosen, others = choose_reporters(manager, names, options)
    build_reporters(manager, chosen, ReporterContext(quiet=True))
    return chosen, others


@contextlib.contextmanager
def started_executor(start: Callable[[ExecutorContext], Executor], folder: Path, *, jobs: int, part: str = "") -> Iterator[Executor]:
    """Start an executor for a matrix, and keep a second call of the same matrix away.

    Args:
        start: what :func:`find_executor` returned.
        folder: of the matrix; made when missing.
        jobs: cells at a time.
        part: the part of the matrix that is run, as ``1/4``; a call of another part goes beside it. Empty for the whole.
    """
    make_folder(folder)
    lock = RunLock(folder / f".matrix{'-' + part.replace('/', '-of-') if part else ''}.lock")
    lock.acquire()
    try:
        with contextlib.closing(start(ExecutorContext(jobs=jobs, folder=folder))) as executor:
            yield executor
    finally:
        lock.release()


def run_cells(
    planned: Sequence[PlannedCell],
    executor: Executor,
    ledger: MatrixLedger,
    listener: MatrixListener,
    stop_requests: Callable[[], int] = lambda: 0,
    *,
    retries: int = 1,
    timeout_seconds: float | None = None,
    memory_limit_mib: float | None = None,
    reporters: Mapping[str, dict[str, str]] | None = None,
) -> Result:
    """Run the cells that are not finished; see :class:`ganbench.fleet.matrix.schedule.Scheduler`.

    ``reporters`` are told of each run, and are no part of what a cell is.
    """
    planned = [replace(one, request=replace(one.request, reporters=dict(reporters or {}))) for one in planned]
    shared, alone = share_threads(executor.cpus, executor.slots, executor.machines, stated_threads())
    rules = Rules(
        shared_threads=shared, exclusive_threads=alone, retries=retries, timeout_seconds=timeout_seconds, memory_limit_mib=memory_limit_mib
    )
    return Scheduler(planned, executor, ledger, listener, rules, stop_requests).run()


def stated_threads() -> int | None:
    """Return the threads of one process as the user's environment has them.

    Raises:
        UsageError: OMP_NUM_THREADS is no number, nor a list of them: each library would guess another, and complain in its own words.
    """
    stated = os.environ.get("OMP_NUM_THREADS", "").strip()
    levels = [part.strip() for part in stated.split(",")]
    if stated and not all(part.isdecimal() and int(part) > 0 for part in levels):
        raise UsageError(f"OMP_NUM_THREADS must be a number of threads, 1 or more (got {stated!r})", hint="unset it, or use --threads N")
    return int(levels[0]) if stated else None


class _RowListener:
    """Tells a function of the rows of a matrix."""

    def __init__(self, tell: Callable[[CellRow], None]) -> None:
        self._tell = tell

    def started(self, row: CellRow) -> None:
        self._tell(row)

    def progressed(self, progress: CellProgress) -> None:
        pass

    def ended(self, row: CellRow) -> None:
        self._tell(row)

    def stopping(self) -> None:
        pass

"""``ganbench matrix``: many runs from one definition, each in a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.main import Invocation, switched_off
from ganbench.cli.options import COLUMN_OPTIONS, REPORTER_OPTION, TRUST_OPTION, NumberRange, add_options, check_columns, shaped
from ganbench.cli.run import handled_signals
from ganbench.errors import Interrupted, UsageError
from ganbench.report.stream import has_cursor, print_document, say
from ganbench.text import clean

if TYPE_CHECKING:
    from ganbench.fleet.executor import Executor, ExecutorContext
    from ganbench.fleet.matrix.definition import Definition
    from ganbench.fleet.matrix.ledger import CellRow, MatrixLedger
    from ganbench.fleet.matrix.plan import PlannedCell
    from ganbench.fleet.matrix.schedule import Result
    from ganbench.report.live_matrix import LineOverview

_PATH = click.Path(path_type=Path)
_OTHER_COLUMNS = r"\w+_parameters|params \w+|\w+\d\w*(\.\w+)?"
"""Names of columns that only the finished runs can tell: of networks and of metrics."""


@click.command("matrix")
@click.argument("file", required=False, type=_PATH)
@click.option("-a", "axes", multiple=True, metavar="NAME=VALUES", help="Axis: plugin=dcgan,dcgan-32, seed=0..4, training.d_steps=1,2.")
@click.option("--set", "settings", multiple=True, metavar="A.B=C", help="Setting of every cell, by path or short name.")
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Plugin option of every cell, as in ganbench run.")
@click.option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off.")
@TRUST_OPTION
@click.option("--out", type=_PATH, metavar="DIR", help="Folder of the runs.  [default: results/runs/NAME]")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Cells at a time; they share the CPUs.")
@click.option("--executor", default="local", show_default=True, metavar="NAME", help="What runs the cells.")
@click.option("-x", "executor_options", multiple=True, metavar="KEY=VALUE", help="Option of the executor.")
@click.option("--exclusive", is_flag=True, help="Run every cell alone, with all CPUs, whatever --jobs says: for timings.")
@click.option("--timeout", type=NumberRange(min=0, min_open=True), metavar="SECONDS", help="For each attempt at a cell.")
@click.option("--memory-limit", type=NumberRange(min=1), metavar="MIB", help="Resident memory of a cell's processes.")
@click.option("--retries", type=click.IntRange(min=0), default=1, show_default=True, metavar="N", help="After a kill from outside.")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts; the parts are the same everywhere.")
@click.option("--dry-run", is_flag=True, help="List the cells, and why some cannot run.")
@click.option("--status", "wants_status", is_flag=True, help="Print what became of each cell of the folder, and run nothing.")
@REPORTER_OPTION
@click.option("--quiet", is_flag=True, help="Only failures on stderr.")
@add_options(COLUMN_OPTIONS)
@click.pass_obj
def command(invocation: Invocation, /, **flags: Any) -> int | None:
    """Run the cross product of some settings, and print one table: mean and 95 % interval over seeds.

    \b
    ganbench matrix -a plugin=dcgan,dcgan-32 -a seed=0..4 --jobs 2
    ganbench matrix losses.toml --shard 1/3
    ganbench matrix losses.toml --status

    An axis is plugin, loss, dataset, seed, kimg, batch_size, precision, runner, kernels, threads, device or the path of any setting. FILE
    has [axes], [settings], [options], [[include]] and [[exclude]]; a cell with exclusive = true runs alone.

    A cell that cannot run is a row with a reason. A crash ends its cell only. Called again, the same command runs what is not finished.
    """
    off = (*invocation.off, *flags["off"])
    if flags["wants_status"]:
        _print_status(_folder(_definition(flags, needed=flags["out"] is None), flags["out"]))
        return None
    from ganbench.config.values import read_pairs
    from ganbench.fleet.matrix.call import find_executor, find_reporters, stated_threads
    from ganbench.plugin.manager import PluginManager
    from ganbench.report.runs import COLUMN_NAMES

    check_columns(flags, COLUMN_NAMES, _OTHER_COLUMNS)
    manager = PluginManager(off=off)  # knows whether each of off is a name that something has
    flags["reporters"], flags["options"] = find_reporters(manager, flags["reporters"], flags["options"])
    definition = _definition(flags)
    assert definition is not None
    stated_threads()  # an error of the call, before anything is planned
    folder = _folder(definition, flags["out"])
    start = find_executor(manager, flags["executor"], read_pairs("-x", flags["executor_options"]))
    planned = _plan(definition, folder, flags["shard"], off, runs_here=flags["executor"] == "local" and not flags["dry_run"])
    if flags["dry_run"]:
        return _print_plan(planned, whole=flags["shard"] is None)
    return _run(planned, folder, start, flags)


def _definition(flags: dict[str, Any], *, needed: bool = True) -> Definition | None:
    """Return what FILE and the flags say; None where neither is there and none is needed."""
    from ganbench.fleet.matrix.definition import read_definition, with_flags

    if not needed and flags["file"] is None and not flags["axes"]:
        return None
    read = read_definition(flags["file"], trust_files=flags["trust_files"]) if flags["file"] is not None else None
    return with_flags(read, axes=flags["axes"], settings=flags["settings"], options=flags["options"], exclusive=flags["exclusive"])


def _folder(definition: Definition | None, out: Path | None) -> Path:
    from ganbench.record.directory import DEFAULT_RUNS

    return out or DEFAULT_RUNS / (definition.name if definition else "")


def _plan(definition: Definition, folder: Path, part: str | None, off: tuple[str, ...], *, runs_here: bool) -> tuple[PlannedCell, ...]:
    from ganbench.fleet.matrix.plan import plan_cells
    from ganbench.fleet.matrix.wanted import expand, read_shard, shard
    from ganbench.record.probes import refuse_missing_gpu

    cells = expand(definition)
    if runs_here:  # and "auto" and "cpu" sort before "cuda", so that one cell without a GPU will do
        refuse_missing_gpu(min(str(dict(cell.settings).get("training.device", "auto")) for cell in cells))
    return plan_cells(cells if part is None else shard(cells, *read_shard(part)), folder, off)


def _run(planned: Sequence[PlannedCell], folder: Path, start: Callable[[ExecutorContext], Executor], flags: dict[str, Any]) -> int:
    """Run the cells and print what came of them."""
    from ganbench.fleet.matrix.call import run_cells, started_executor
    from ganbench.fleet.matrix.ledger import MatrixLedger

    ledger, stop = MatrixLedger(folder), _StopRequests()
    for one in () if flags["quiet"] else filter(lambda one: one.reason, planned):  # the table, which says it too, comes at the end
        say(f"{one.cell.name}: cannot run: {one.reason}")
    with (
        started_executor(start, folder, jobs=flags["jobs"], part=flags["shard"] or "") as executor,
        handled_signals(stop.handle),
        _overview(sum(one.directory is not None and not one.is_finished for one in planned), quiet=flags["quiet"]) as listener,
    ):
        result = run_cells(
            planned,
            executor,
            ledger,
            listener,
            stop,
            retries=flags["retries"],
            timeout_seconds=flags["timeout"],
            memory_limit_mib=flags["memory_limit"],
            reporters=flags["reporters"],
        )
    _print_result(result, ledger, flags)
    if result.interrupted:
        raise Interrupted("the matrix was stopped; what is finished is kept", hint="the same command runs the rest")
    return _exit_code(result.rows, whole=flags["shard"] is None)


def _exit_code(rows: Sequence[CellRow], *, whole: bool) -> int:
    """Return 3 where a cell failed or diverged; 5 where a whole matrix has no run at all; else 0."""
    states = {row.state for row in rows}
    open_or_failed = states & {"failed", "diverged", "waiting", "running", "interrupted"}
    return 3 if open_or_failed else 5 if whole and states == {"unsupported"} else 0


class _StopRequests:
    """Counts Ctrl-C and SIGTERM, and the terminal's end once however often it tells."""

    _count = 0

    def __call__(self) -> int:
        """Return how many there were."""
        return self._count

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if not (self._count and signal.Signals(number).name == "SIGHUP"):
            self._count += 1


def _overview(waiting: int, *, quiet: bool) -> LineOverview:
    from ganbench.report.live_matrix import LineOverview, LiveOverview

    return (LiveOverview if not quiet and has_cursor(sys.stderr) else LineOverview)(sys.stderr, waiting, quiet=quiet)


def _print_plan(planned: Sequence[PlannedCell], *, whole: bool) -> int:
    """Print the cells; return 5, as the run would, where no cell of a whole matrix can run."""
    from ganbench.fleet.matrix.schedule import first_row

    rows = [first_row(one) for one in planned]
    _print_rows(rows)
    return 5 if whole and {row.state for row in rows} == {"unsupported"} else 0


def _print_status(folder: Path) -> None:
    from ganbench.errors import NothingToCompare
    from ganbench.fleet.matrix.ledger import MatrixLedger
    from ganbench.report.live_matrix import summary

    rows = MatrixLedger(folder).rows()
    if not rows:
        raise NothingToCompare(f"no matrix in {folder}", hint="run it first, or give its folder with --out")
    _print_rows(rows)
    click.echo(summary(rows))


def _print_result(result: Result, ledger: MatrixLedger, flags: dict[str, Any]) -> None:
    """Print the table of the runs as ``ganbench table`` does, the rows that are no runs, and the summary."""
    from ganbench.record.directory import is_run
    from ganbench.record.find import load_runs
    from ganbench.report.live_matrix import summary
    from ganbench.report.runs import make_summary

    runs = [path for row in result.rows if row.directory and is_run(path := ledger.folder / row.directory)]
    if runs:
        document = make_summary(load_runs(runs))
        try:
            print_document(shaped(document, flags))
        except UsageError as error:  # the cells are done, whatever their columns are called
            print_document(document)
            say(f"ganbench: {error}")
    _print_rows([row for row in result.rows if row.state not in ("done", "diverged")])
    click.echo(f"{summary(result.rows, result.skipped)}; everything is in {ledger.folder}")


def _print_rows(rows: Sequence[CellRow]) -> None:
    """Print one line for each cell."""
    names, states = (max((len(getattr(row, field)) for row in rows), default=0) for field in ("name", "state"))
    for row in rows:
        how = "exclusive" if row.exclusive and not row.reason else row.reason
        click.echo(clean(f"{row.name:<{names}}  {row.state:<{states}}  {how}".rstrip()))

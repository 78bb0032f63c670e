"""The columns of a table over seeds, apart from quality: who, how many, what became of them, and means of speed and memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from ganbench import text as formats
from ganbench.record.cells import Replicates, finite
from ganbench.record.record import RunRecord
from ganbench.report.mean import mean_of
from ganbench.report.run_columns import PLAIN_COLUMNS, SPEED_COLUMNS, Notes, plain_cell
from ganbench.report.table_model import Cell, Column

_Text = Callable[[float], str]


def _two_digits(half_width: float) -> str:
    return formats.number(half_width, 2)


_MEASURES: dict[str, tuple[Callable[[RunRecord], float], _Text, _Text]] = {
    "samples_per_second": (lambda r: r.throughput.samples_per_second, formats.number, _two_digits),
    "seconds_per_kimg": (lambda r: r.throughput.seconds_per_kimg, formats.number, _two_digits),
    "peak_memory_mib": (lambda r: r.throughput.peak_memory_mib, formats.mib, formats.mib),
}
"""For each measure its value in a record, and how mean and half width are written."""
_PLAIN = {column.id: column for column in PLAIN_COLUMNS}


def _mean(name: str) -> Column:
    return dataclasses.replace(_PLAIN[name], averaged=True)


def _count(name: str) -> Column:
    return Column(id=name, heading=name.removeprefix("num_"), in_text=False)


AVERAGE_COLUMNS = (
    _PLAIN["run"],
    _PLAIN["model"],
    _PLAIN["loss"],
    _PLAIN["dataset"],
    Column(id="setting", heading="setting", is_number=False, priority=1),
    Column(id="n", heading="n"),
    Column(id="seeds", heading="seeds", is_number=False, priority=3),
    _PLAIN["status"],
    _mean("samples_per_second"),
    _mean("seconds_per_kimg"),
    _PLAIN["kimg"],
    _PLAIN["generator_parameters"],
    _PLAIN["discriminator_parameters"],
    _mean("peak_memory_mib"),
    _count("num_complete"),
    _count("num_collapsed"),
    _count("num_diverged"),
    _count("num_failed"),
    _count("num_unfinished"),
    _PLAIN["flops_per_iteration"],
    _PLAIN["software_key"],
    _PLAIN["work_key"],
    _PLAIN["ganbench_version"],
)


def average_cells(row: Replicates, name: str, setting: str, notes: Notes, marked: tuple[int, ...]) -> list[Cell]:
    """Return a row's cells in :data:`AVERAGE_COLUMNS`.

    Args:
        row: the replicates.
        name: what stands in the column of runs.
        setting: what tells them from others of their name.
        notes: takes what became of single runs.
        marked: notes that the speeds have besides.
    """
    own = {
        "run": Cell(value=row.runs[0].run_id if row.is_single else None, text=name),
        "setting": _text(setting),
        "n": _number(len(row.counted)),
        "seeds": _text(row.seeds),
        "status": _status(row, notes),
        "num_complete": _number(row.count("complete")),
        "num_collapsed": _number(row.num_collapsed),
        "num_diverged": _number(row.count("diverged")),
        "num_failed": _number(row.count("failed")),
        "num_unfinished": _number(row.count("interrupted", "running")),
        **{name: _measure(name, row, notes, marked if name in SPEED_COLUMNS else ()) for name in _MEASURES},
    }
    return [own[column.id] if column.id in own else plain_cell(column.id, row.example, notes) for column in AVERAGE_COLUMNS]


def mean_cell(values: Sequence[float], text: _Text, notes: tuple[int, ...] = (), half_text: _Text = _two_digits) -> Cell:
    """Return the mean of finite values as a cell; an interval only where there are two or more, and an empty cell for none."""
    if not values:
        return Cell(notes=notes)
    mean = mean_of(values)
    shown = text(mean.value)
    if mean.half_width is not None:
        shown += f" ±{half_text(mean.half_width)}"
    return Cell(value=mean.value, text=shown, half_width=mean.half_width, num_runs=mean.num_values, notes=notes)


def coverage(num_used: int, row: Replicates, why: Iterable[str]) -> str:
    """Return the note of a cell whose number of runs is not the row's; empty where it is."""
    if num_used == len(row.counted):
        return ""
    reasons = "; ".join(why)
    return f"over {num_used} run{'' if num_used == 1 else 's'}, not {len(row.counted)}{f': {reasons}' if reasons else ''}"


def _measure(name: str, row: Replicates, notes: Notes, marked: tuple[int, ...]) -> Cell:
    measure, text, half_text = _MEASURES[name]
    values = [value for run in row.timed if (value := measure(run)) > 0]
    used = finite(values)
    why = []
    if len(row.timed) < row.count("complete"):
        why.append("those resumed on another machine are left out")
    if len(row.timed) > len(row.counted):
        why.append("seeds that were repeated count each time")
    if len(used) < len(row.timed):
        why.append("where nothing was measured it is left out")
    if not row.is_single:
        marked += notes.add(coverage(len(used), row, why))
    return mean_cell(used, text, marked, half_text)


def _status(row: Replicates, notes: Notes) -> Cell:
    if row.is_single:
        return plain_cell("status", row.runs[0], notes)
    marked = tuple(note for remark in row.remarks() for note in notes.add(remark))
    return Cell(value=row.status, text=row.status, notes=marked)


def _text(text: str) -> Cell:
    return Cell(value=formats.clean(text), text=formats.clean(text))


def _number(value: int) -> Cell:
    return Cell(value=value, text=str(value))

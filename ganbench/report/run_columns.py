"""The columns that every run has, whatever was measured on it: of single runs, and of means over seeds."""

from __future__ import annotations

import dataclasses
import functools
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ganbench import text as formats
from ganbench.record.cells import Replicates, finite
from ganbench.record.record import RunRecord, Scalar, are_alike
from ganbench.report.document import Cell, Column, Tone

_CONFIDENCE = 0.95
_BISECTIONS = 80
_TONES: dict[str, Tone] = {"complete": "good", "running": "going", "collapsed": "doubtful", "interrupted": "doubtful"}
_BY_BADNESS = ("unreadable", "failed", "diverged", "collapsed", "interrupted", "running", "complete")
_Text = Callable[[float], str]


PLAIN_COLUMNS = (
    Column(id="name", heading="name", kind="name"),
    Column(id="status", heading="status", kind="state"),
    Column(id="samples_per_second", heading="images/s", kind="speed", direction="higher"),
    Column(id="kimg", heading="kimg"),
    Column(id="peak_memory_mib", heading="memory"),
    Column(id="generator_parameters", heading="params G"),
    Column(id="discriminator_parameters", heading="params D"),
    Column(id="seconds_per_kimg", heading="s/kimg", kind="speed", direction="lower"),
    Column(id="model", heading="model", kind="text"),
    Column(id="loss", heading="loss", kind="text"),
    Column(id="dataset", heading="dataset", kind="text"),
    Column(id="seed", heading="seed"),
    Column(id="run", heading="id", kind="text"),
    Column(id="reason", heading="reason", kind="text", in_text=False),
    Column(id="collapsed", heading="collapsed", kind="text", in_text=False),
    Column(id="created", heading="created", kind="text", in_text=False),
    Column(id="flops_per_iteration", heading="flops per iteration", in_text=False),
    Column(id="num_resumes", heading="resumes", in_text=False),
    Column(id="software_key", heading="software key", kind="text", in_text=False),
    Column(id="work_key", heading="work key", kind="text", in_text=False),
    Column(id="ganbench_version", heading="ganbench", kind="text", in_text=False),
)
"""In the order in which readers want them; :func:`ganbench.report.runs.make_table` puts the qualities between."""

_VALUES: dict[str, tuple[Callable[[RunRecord], Scalar], Callable[[RunRecord], str]]] = {
    "run": (lambda r: r.run_id, lambda r: r.run_id),
    "model": (lambda r: r.name, lambda r: r.name),
    "loss": (lambda r: _plugin_name(r, "loss"), lambda r: _plugin_name(r, "loss")),
    "dataset": (lambda r: r.dataset, lambda r: r.dataset),
    "seed": (lambda r: r.seed, lambda r: str(r.seed)),
    "status": (lambda r: r.status, lambda r: "collapsed" if r.status == "complete" and r.collapsed else r.status),
    "samples_per_second": (lambda r: r.throughput.samples_per_second, lambda r: _measured(r.throughput.samples_per_second)),
    "seconds_per_kimg": (lambda r: r.throughput.seconds_per_kimg, lambda r: _measured(r.throughput.seconds_per_kimg)),
    "kimg": (lambda r: r.work.samples_seen / 1000, lambda r: formats.plain(r.work.samples_seen / 1000)),
    "peak_memory_mib": (lambda r: r.throughput.peak_memory_mib, lambda r: formats.mib(r.throughput.peak_memory_mib)),
    "reason": (lambda r: r.status_detail, lambda r: r.status_detail),
    "collapsed": (lambda r: r.collapsed, lambda r: "yes" if r.collapsed else "no"),
    "created": (lambda r: r.created, lambda r: r.created),
    "flops_per_iteration": (lambda r: r.work.flops_per_iteration or None, lambda r: formats.count(r.work.flops_per_iteration)),
    "num_resumes": (lambda r: r.num_resumes, lambda r: str(r.num_resumes)),
    "software_key": (lambda r: r.keys.software.digest, lambda r: r.keys.software.digest),
    "work_key": (lambda r: r.keys.work.digest, lambda r: r.keys.work.digest),
    "ganbench_version": (lambda r: r.ganbench_version, lambda r: r.ganbench_version),
}


_PARAMETERS = "_parameters"
_OF_TRAINING = ("samples_per_second", "seconds_per_kimg", "peak_memory_mib", "flops_per_iteration")
"""Columns that are empty where nothing was trained."""


def common_unit(records: Sequence[RunRecord]) -> str:
    """Return what the samples of some runs are, in plural; ``samples`` where they are not of one kind."""
    units = {record.unit for record in records} or {"images"}
    return units.pop() if len(units) == 1 else "samples"


def fit_columns(columns: Sequence[Column], records: Sequence[RunRecord]) -> tuple[Column, ...]:
    """Return the columns that some runs need: speed in the unit of their samples, and the parameters of every network that they have."""
    unit = common_unit(records)
    ids = {column.id for column in columns}
    named = {f"{name}{_PARAMETERS}": name for record in records for name in record.work.parameters}
    more = [Column(id=one, heading=f"params {name}") for one, name in named.items() if one not in ids]
    fitted: list[Column] = []
    for column in columns:
        fitted.append(dataclasses.replace(column, heading=f"{unit}/s") if column.id == "samples_per_second" else column)
        if column.id == f"discriminator{_PARAMETERS}":
            fitted += more
    return tuple(fitted)


def plain_cell(column: Column, record: RunRecord, name: str, software: tuple[str, ...] = ()) -> Cell:
    """Return a record's cell in one of :data:`PLAIN_COLUMNS`, or in one that :func:`fit_columns` has added.

    Args:
        column: which.
        record: the run.
        name: what people call it.
        software: what must be said of its speed.
    """
    if column.kind == "name":
        return _label(name)
    if record.kind == "evaluation" and (column.id in _OF_TRAINING or (column.id == "kimg" and not record.work.samples_seen)):
        return Cell()
    if column.id.endswith(_PARAMETERS):
        count = record.work.parameters.get(column.id.removesuffix(_PARAMETERS))
        return Cell() if count is None else Cell(formats.count(count), value=count)
    value, text = _VALUES[column.id]
    cell = Cell(formats.clean(text(record)), value=value(record))
    if column.kind == "state":
        return dataclasses.replace(cell, tone=_tone_of(cell.text), notes=_noted(_status_note(record)))
    return dataclasses.replace(cell, notes=software) if column.kind == "speed" else cell


def _tone_of(status: str) -> Tone:
    """Return how good the worst word of a status is: ``diverged`` of ``4 complete, 1 diverged``."""
    return _TONES.get(next((word for word in _BY_BADNESS if word in status), status), "bad")


def _plugin_name(record: RunRecord, kind: str) -> str:
    """Return the name of a run's plugin of one kind; empty where the record holds none."""
    return next((plugin.name for plugin in record.plugins if plugin.kind == kind), "")


def _status_note(record: RunRecord) -> str:
    if record.status != "complete":
        return f"{record.status}: {record.status_detail or 'no reason was recorded'}"
    if not record.collapsed or not record.evaluations:
        return ""
    if are_alike(record.evaluations):
        return f"collapsed: complete, but its {record.unit} are alike, {record.evaluations[-1].diversity:.2g} of what real ones differ by"
    name = record.metric_names[0]
    final, best = record.final(name), record.best(name)
    return f"collapsed: complete, but {final.label} ended at {formats.number(final.value)} after a best of {formats.number(best.value)}"


def _measured(value: float) -> str:
    return formats.number(value) if value > 0 else ""


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
    return dataclasses.replace(_PLAIN[name], beside="interval")


def _count(name: str) -> Column:
    return Column(id=name, heading=name.removeprefix("num_"), in_text=False)


AVERAGE_COLUMNS = (
    _PLAIN["name"],
    _PLAIN["status"],
    Column(id="n", heading="n"),
    _mean("samples_per_second"),
    _PLAIN["kimg"],
    _mean("peak_memory_mib"),
    _PLAIN["generator_parameters"],
    _PLAIN["discriminator_parameters"],
    _mean("seconds_per_kimg"),
    _PLAIN["model"],
    _PLAIN["loss"],
    _PLAIN["dataset"],
    Column(id="setting", heading="setting", kind="text"),
    Column(id="seeds", heading="seeds", kind="text"),
    _PLAIN["run"],
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


def average_cells(columns: Sequence[Column], row: Replicates, name: str, setting: str, software: tuple[str, ...]) -> list[Cell]:
    """Return a row's cells.

    Args:
        columns: :data:`AVERAGE_COLUMNS`, fitted to the runs.
        row: the replicates.
        name: what people call them.
        setting: what tells them from others of their name.
        software: what must be said of their speed.
    """
    own = {
        "run": _label(row.runs[0].run_id) if row.is_single else Cell(f"{len(row.runs)} runs"),
        "setting": _label(setting),
        "n": _number(len(row.counted)),
        "seeds": _label(row.seeds),
        "status": _status(row),
        "num_complete": _number(row.count("complete")),
        "num_collapsed": _number(row.num_collapsed),
        "num_diverged": _number(row.count("diverged")),
        "num_failed": _number(row.count("failed")),
        "num_unfinished": _number(row.count("interrupted", "running")),
        **{name: _measure(name, row, software if _PLAIN[name].kind == "speed" else ()) for name in _MEASURES},
    }
    return [own[column.id] if column.id in own else plain_cell(column, row.example, name) for column in columns]


def mean_cell(values: Sequence[float], text: _Text, notes: tuple[str, ...] = (), half_text: _Text = _two_digits) -> Cell:
    """Return the mean of finite values as a cell; an interval only where there are two or more, and an empty cell for none."""
    if not values:
        return Cell(notes=notes)
    mean = _mean_of(values)
    shown = text(mean.value)
    if mean.half_width is not None:
        shown += f" ±{half_text(mean.half_width)}"
    return Cell(shown, value=mean.value, half_width=mean.half_width, num_runs=mean.num_values, notes=notes)


def coverage(num_used: int, row: Replicates, why: Iterable[str]) -> tuple[str, ...]:
    """Return the note of a cell whose number of runs is not the row's; none where it is."""
    if num_used == len(row.counted):
        return ()
    reasons = "; ".join(why)
    return (f"over {num_used} run{'' if num_used == 1 else 's'}, not {len(row.counted)}{f': {reasons}' if reasons else ''}",)


def _measure(name: str, row: Replicates, notes: tuple[str, ...]) -> Cell:
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
        notes += coverage(len(used), row, why)
    return mean_cell(used, text, notes, half_text)


def _status(row: Replicates) -> Cell:
    if row.is_single:
        return plain_cell(_PLAIN["status"], row.runs[0], "")
    return Cell(row.status, value=row.status, tone=_tone_of(row.status), notes=tuple(note for r in row.remarks() for note in _noted(r)))


def _noted(text: str) -> tuple[str, ...]:
    """Return a note as a cell holds it; none for an empty text."""
    text = formats.clean(text)
    return (text,) if text else ()


def _label(text: str) -> Cell:
    return Cell(formats.clean(text), value=formats.clean(text))


def _number(value: int) -> Cell:
    return Cell(str(value), value=value)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mean:
    """The mean of independent values."""

    value: float
    num_values: int
    """1 or more."""
    half_width: float | None = None
    """Half of Student's interval; None for a single value, which has none."""


def _mean_of(values: Sequence[float]) -> _Mean:
    """Return the mean of finite values, at least one, with Student's interval from two on."""
    count, center = len(values), statistics.fmean(values)
    if count == 1:
        return _Mean(value=values[0], num_values=1)
    return _Mean(value=center, num_values=count, half_width=_t_quantile(count - 1) * (statistics.stdev(values) / math.sqrt(count)))


@functools.lru_cache(maxsize=64)
def _t_quantile(freedom: int) -> float:
    """Return the t that Student's variable, of 1 degree of freedom or more, exceeds on neither side with :data:`_CONFIDENCE`."""
    low, high = 0.0, math.pi / 2  # of the angle, atan(t / sqrt(freedom)), which is finite
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _inside(middle, freedom) < _CONFIDENCE else (low, middle)
    return math.tan(low) * math.sqrt(freedom)


def _inside(angle: float, freedom: int) -> float:
    """Return the probability of -t to t (Abramowitz and Stegun, 1964, 26.7.3 and 26.7.4)."""
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for power in range(2 + odd, freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (power - 1) / power
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total

"""The columns that every run has, whatever was measured on it."""

from __future__ import annotations

from collections.abc import Callable

from ganbench import text as formats
from ganbench.record.record import RunRecord, Scalar
from ganbench.report.table_model import Cell, Column


class Notes:
    """The notes of one group, numbered from 1; equal texts share a number."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them, in order."""
        return tuple(self._texts)

    def add(self, text: str) -> tuple[int, ...]:
        """Return the number of a note, as cells hold it; nothing for an empty text."""
        text = formats.clean(text)
        if not text:
            return ()
        if text not in self._texts:
            self._texts.append(text)
        return (self._texts.index(text) + 1,)


PLAIN_COLUMNS = (
    Column(id="run", heading="run", is_number=False, priority=1),
    Column(id="model", heading="model", is_number=False),
    Column(id="loss", heading="loss", is_number=False, priority=3),
    Column(id="dataset", heading="dataset", is_number=False),
    Column(id="seed", heading="seed"),
    Column(id="status", heading="status", is_number=False),
    Column(id="samples_per_second", heading="images/s"),
    Column(id="seconds_per_kimg", heading="s/kimg", priority=6),
    Column(id="kimg", heading="kimg", priority=2),
    Column(id="generator_parameters", heading="params G", priority=5),
    Column(id="discriminator_parameters", heading="params D", priority=5),
    Column(id="peak_memory_mib", heading="memory", priority=4),
    Column(id="reason", heading="reason", is_number=False, in_text=False),
    Column(id="collapsed", heading="collapsed", is_number=False, in_text=False),
    Column(id="created", heading="created", is_number=False, in_text=False),
    Column(id="flops_per_iteration", heading="flops per iteration", in_text=False),
    Column(id="num_resumes", heading="resumes", in_text=False),
    Column(id="software_key", heading="software key", is_number=False, in_text=False),
    Column(id="work_key", heading="work key", is_number=False, in_text=False),
    Column(id="ganbench_version", heading="ganbench", is_number=False, in_text=False),
)

SPEED_COLUMNS = ("samples_per_second", "seconds_per_kimg")
"""What the software key must agree on."""

_VALUES: dict[str, tuple[Callable[[RunRecord], Scalar], Callable[[RunRecord], str]]] = {
    "run": (lambda r: r.run_id, lambda r: r.run_id),
    "model": (lambda r: r.name, lambda r: r.name),
    "loss": (lambda r: plugin_name(r, "loss"), lambda r: plugin_name(r, "loss")),
    "dataset": (lambda r: r.dataset, lambda r: r.dataset),
    "seed": (lambda r: r.seed, lambda r: str(r.seed)),
    "status": (lambda r: r.status, lambda r: "collapsed" if r.status == "complete" and r.collapsed else r.status),
    "samples_per_second": (
        lambda r: r.throughput.samples_per_second,
        lambda r: _measured(r.throughput.samples_per_second),
    ),
    "seconds_per_kimg": (
        lambda r: r.throughput.seconds_per_kimg,
        lambda r: _measured(r.throughput.seconds_per_kimg),
    ),
    "kimg": (lambda r: r.work.samples_seen / 1000, lambda r: formats.plain(r.work.samples_seen / 1000)),
    "generator_parameters": (lambda r: r.work.generator_parameters, lambda r: formats.count(r.work.generator_parameters)),
    "discriminator_parameters": (lambda r: r.work.discriminator_parameters, lambda r: formats.count(r.work.discriminator_parameters)),
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


def plain_cell(column: str, record: RunRecord, notes: Notes, marked: tuple[int, ...] = ()) -> Cell:
    """Return a record's cell in one of :data:`PLAIN_COLUMNS`.

    Args:
        column: its id.
        record: the run.
        notes: takes the reason of a status.
        marked: notes that the cell has besides.
    """
    value, text = _VALUES[column]
    if column == "status":
        marked = marked + notes.add(_status_note(record))
    return Cell(value=value(record), text=formats.clean(text(record)), notes=marked)


def plugin_name(record: RunRecord, kind: str) -> str:
    """Return the name of a run's plugin of one kind; empty where the record holds none."""
    return next((plugin.name for plugin in record.plugins if plugin.kind == kind), "")


def _status_note(record: RunRecord) -> str:
    if record.status != "complete":
        return f"{record.status}: {record.status_detail or 'no reason was recorded'}"
    if not record.collapsed or not record.metric_names:
        return ""
    name = record.metric_names[0]
    final, best = record.final(name), record.best(name)
    return f"collapsed: complete, but {final.label} ended at {formats.number(final.value)} after a best of {formats.number(best.value)}"


def _measured(value: float) -> str:
    return formats.number(value) if value > 0 else ""

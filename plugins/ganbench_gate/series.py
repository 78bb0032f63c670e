"""From a history to series: one for each machine, cell and metric, and for quality each evaluation key. A point is one commit."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ganbench import (
    CellRuns,
    Key,
    MetricRule,
    RunRecord,
    cells_of,
    match_cells,
    names_of,
    quality_rule,
    rule_of,
    stored_rule,
)
from ganbench_gate.history import DIRTY, UNKNOWN, Entry

_Measure = Callable[[RunRecord], float | None]
"""Returns None where a run says nothing of a metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """The runs of one commit that follow each other; they share what the machine was doing, so together they are one point."""

    commit: str
    moment: datetime
    """When the first run began."""
    value: float
    """Median; NaN where half of the runs diverged."""
    records: tuple[RunRecord, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One metric of one cell on one machine over time."""

    hardware: Key
    cell: str
    """What was run, for people."""
    cell_id: str
    rule: MetricRule
    evaluation_key: str
    """Digest; empty for what is no quality."""
    points: tuple[Point, ...]
    """The oldest first; not empty."""

    @property
    def scale(self) -> float | None:
        """The unit of its worsenings, see :meth:`MetricRule.scale`."""
        return self.rule.scale([point.value for point in self.points])

    def worsening(self, value: float) -> float:
        """Return how bad a value is, see :meth:`MetricRule.worsening`."""
        return self.rule.worsening(value, self.scale)


def series_of(entries: Sequence[Entry]) -> tuple[Series, ...]:
    """Return the series of a history.

    Args:
        entries: the oldest first.
    """
    found: list[Series] = []
    machines = dict.fromkeys(entry.record.keys.hardware for entry in entries)
    for hardware in machines:
        here = [entry for entry in entries if entry.record.keys.hardware == hardware]
        cells = _cells([entry.record for entry in here])
        names = names_of(cells)
        for cell in cells:
            own = {id(record) for record in cell.runs}
            members = [entry for entry in here if id(entry.record) in own]
            found += _of_cell(hardware, names[cell.digest], cell.digest, members)
    return tuple(found)


def _cells(records: Sequence[RunRecord]) -> list[CellRuns]:
    """Return the cells; a later version that has more settings goes on with the cell that it agrees with, under the older one's id."""
    merged: list[CellRuns] = []
    for cell in cells_of(records):
        matches = match_cells(merged, [cell]) if merged else ()
        fit = next((m.base for m in matches if m.base is not None and m.head is not None and not m.differences), None)
        if fit is None:
            merged.append(cell)
        else:
            merged[merged.index(fit)] = CellRuns(settings=fit.settings, runs=(*fit.runs, *cell.runs))
    return merged


def _of_cell(hardware: Key, name: str, cell_id: str, entries: Sequence[Entry]) -> Iterator[Series]:
    on_gpu = bool(dict(hardware.fields).get("gpu"))
    for rule, evaluation_key, measure in _measures([entry.record for entry in entries], on_gpu=on_gpu):
        points = tuple(_points(entries, measure))
        if points:
            yield Series(hardware=hardware, cell=name, cell_id=cell_id, rule=rule, evaluation_key=evaluation_key, points=points)


def _points(entries: Iterable[Entry], measure: _Measure) -> Iterator[Point]:
    """Yield a point for each commit; edited and unknown sources may differ from run to run, so each of their runs is one."""
    group: list[tuple[Entry, float]] = []
    for entry in entries:
        value = measure(entry.record)
        if value is None:
            continue
        if group and not _belong_together(group[-1][0], entry):
            yield _point(group)
            group = []
        group.append((entry, value))
    if group:
        yield _point(group)


def _belong_together(one: Entry, other: Entry) -> bool:
    known = one.commit != UNKNOWN and not one.commit.endswith(DIRTY)
    return known and one.commit == other.commit and one.record.keys.software == other.record.keys.software


def _point(group: Sequence[tuple[Entry, float]]) -> Point:
    first = group[0][0]
    finite = sorted(value for _, value in group if math.isfinite(value))
    diverged = len(group) - len(finite)
    value = statistics.median(finite) if diverged * 2 < len(group) else math.nan
    return Point(commit=first.commit, moment=first.moment, value=value, records=tuple(entry.record for entry, _ in group))


def _measures(records: Sequence[RunRecord], *, on_gpu: bool) -> Iterator[tuple[MetricRule, str, _Measure]]:
    """Yield what is followed: rule, evaluation key, and what a run says of it."""
    speed = rule_of("samples_per_second", records[0].unit)
    yield stored_rule(speed, on_gpu=on_gpu), "", _timed(lambda record: record.throughput.samples_per_second)
    yield rule_of("peak_memory_mib"), "", _timed(lambda record: record.throughput.peak_memory_mib)
    for module in dict.fromkeys(name for record in records for name in record.work.parameters):
        yield rule_of(f"{module}_parameters"), "", _counted(_parameters(module))
    yield rule_of("flops_per_iteration"), "", _counted(lambda record: record.work.flops_per_iteration)
    seen: dict[tuple[str, str], MetricRule] = {}
    for record in records:
        for name in record.metric_names:
            value = record.final(name)
            seen.setdefault((name, value.evaluation_key), quality_rule(value))
    for (name, evaluation_key), rule in seen.items():
        yield rule, evaluation_key, _scored(name, evaluation_key)


def _timed(measure: Callable[[RunRecord], float]) -> _Measure:
    def value(record: RunRecord) -> float | None:
        found = measure(record)
        usable = record.status == "complete" and not record.is_mixed and math.isfinite(found) and found > 0
        return found if usable else None

    return value


def _parameters(module: str) -> Callable[[RunRecord], float]:
    return lambda record: record.work.parameters.get(module, 0)


def _counted(measure: Callable[[RunRecord], float]) -> _Measure:
    return lambda record: measure(record) or None if record.status == "complete" else None


def _scored(name: str, evaluation_key: str) -> _Measure:
    """Return the final value; a run that diverged is NaN, which ranks last."""

    def value(record: RunRecord) -> float | None:
        if record.status == "diverged":
            return math.nan if any(key.digest == evaluation_key for key in record.keys.evaluation) else None
        finals = [record.final(name)] if name in record.metric_names else []
        return next((final.value for final in finals if final.evaluation_key == evaluation_key), None)

    return value

"""The columns of the metrics: best, final and floor for each metric under each evaluation key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganbench import text as formats
from ganbench.record.cells import Replicates, finite
from ganbench.record.record import Key, MetricValue, RunRecord
from ganbench.report.document import Beside, Cell, Column
from ganbench.report.run_columns import common_unit, coverage, mean_cell

_PARTS = (("best", 0), ("final", 0), ("floor", 7))
_MetricKey = tuple[str, str]
"""Name and digest of the evaluation key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricColumns:
    """The columns of all metrics of some records, and what their headings mean."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    def cells(self, record: RunRecord) -> tuple[Cell, ...]:
        """Return a record's cells in these columns; empty cells for what it did not measure."""
        return tuple(_cell(column, _history(record, (column.metric, column.evaluation_key))) for column in self.columns)

    def mean_cells(self, row: Replicates) -> tuple[Cell, ...]:
        """Return the means over some replicates in these columns, with notes of which runs are not in them."""
        return tuple(_mean(column, row) for column in self.columns)


def metric_columns(records: Sequence[RunRecord], *, averaged: bool = False) -> MetricColumns:
    """Return the columns of every metric that the records hold, in the order of their first use.

    Args:
        records: the runs.
        averaged: whether the cells will be means over runs.
    """
    samples: dict[_MetricKey, MetricValue] = {}
    for record in records:
        for evaluation in record.evaluations:
            for value in evaluation.values:
                samples[value.name, value.evaluation_key] = value
    headings = _headings(samples, records)
    beside: Beside = "interval" if averaged else "spread"
    columns = [
        _column(key, headings[key], value, part, priority, "" if part == "floor" else beside)
        for key, value in samples.items()
        for part, priority in _PARTS
    ]
    unit = common_unit(records)
    notes = [_explanation(headings[key], value, unit, of_networks=not averaged) for key, value in samples.items()]
    notes += [_key_note(name, records) for name in sorted({name for name, _ in samples}) if sum(name == n for n, _ in samples) > 1]
    return MetricColumns(columns=tuple(columns), notes=tuple(formats.clean(note) for note in notes))


def _column(key: _MetricKey, heading: str, value: MetricValue, part: str, priority: int, beside: Beside) -> Column:
    return Column(
        id=f"{key[0]}@{key[1]}.{part}",
        heading=part,
        kind="quality",
        direction="higher" if value.higher_is_better else "lower",
        metric=key[0],
        metric_heading=heading,
        evaluation_key=key[1],
        part=part,
        beside=beside,
        priority=priority,
    )


def _headings(samples: dict[_MetricKey, MetricValue], records: Sequence[RunRecord]) -> dict[_MetricKey, str]:
    """Return the label of each column, told apart by name, dataset or evaluation key where labels are equal."""
    headings = {key: formats.clean(value.label) for key, value in samples.items()}
    datasets = {key: {r.dataset for r in records if _history(r, key)} for key in samples}
    for candidates in (
        {key: formats.clean(key[0]) for key in samples},
        {key: f"{formats.clean(key[0])} {formats.clean('/'.join(sorted(datasets[key])))}" for key in samples},
        {key: f"{formats.clean(key[0])} [{formats.clean(key[1])}]" for key in samples},
    ):
        shared = {key for key, text in headings.items() if list(headings.values()).count(text) > 1}
        headings |= {key: candidates[key] for key in shared}
    return headings


def _history(record: RunRecord, key: _MetricKey) -> list[MetricValue]:
    return [v for _, v in record.history(key[0]) if v.evaluation_key == key[1]]


def _cell(column: Column, history: list[MetricValue]) -> Cell:
    """Return best, final or floor of one metric of one run."""
    if not history:
        return Cell()
    final = history[-1]
    if column.part == "floor":
        return Cell() if final.floor is None else Cell(formats.number(final.floor), value=final.floor)
    shown = _best_of(history) if column.part == "best" else final
    spread = shown.spread if shown.spread > 0 else None
    return Cell(formats.with_spread(shown.value, shown.spread), value=shown.value, spread=spread)


def _mean(column: Column, row: Replicates) -> Cell:
    """Return the mean over replicates of best or final, or the floor, which is not averaged where it is the same in all."""
    cells = [_cell(column, _history(run, (column.metric, column.evaluation_key))) for run in row.counted]
    measured = [cell.value for cell in cells if isinstance(cell.value, float)]
    if row.is_single or not measured:
        return replace(cells[0], text=formats.number(measured[0]), spread=None, num_runs=1) if measured else Cell()
    if column.part == "floor":
        return mean_cell([measured[0]] if len(set(measured)) == 1 else finite(measured), formats.number)
    used, why = finite(measured), []
    if len(measured) < len(cells):
        why.append("the others have no value")
    if len(used) < len(measured):
        why.append(f"{len(measured) - len(used)} ended at nan or inf")
    return mean_cell(used, formats.number, coverage(len(used), row, why))


def _best_of(history: Sequence[MetricValue]) -> MetricValue:
    """Return the best value; a NaN only where there is nothing else."""
    return min(history, key=lambda v: (math.isnan(v.value), -v.value if v.higher_is_better else v.value))


def _explanation(heading: str, value: MetricValue, unit: str, *, of_networks: bool) -> str:
    """Return what a metric's heading means, in one line."""
    direction = "higher" if value.higher_is_better else "lower"
    generated = f"{value.num_generated:,} generated against {value.num_reference:,} real {unit}"
    compared = generated if value.num_generated else f"over {value.num_reference:,} held-out {unit}"
    text = f"{heading}: {value.name}, {compared}, {direction} is better"
    if value.floor is not None:
        text += (
            f"; floor: {value.floor_count:,} {value.floor_of}"
            if value.floor_of
            else f"; floor: two halves of {value.floor_count:,} real {unit}"
        )
    return text + ("; ± over the extractor's networks" if of_networks and value.spread > 0 else "")


def _key_note(name: str, records: Sequence[RunRecord]) -> str:
    """Return in which fields the evaluation keys of one metric differ."""
    keys: dict[str, Key] = {}
    for record in records:
        used = {v.evaluation_key for _, v in record.history(name)}
        keys |= {key.digest: key for key in record.keys.evaluation if key.digest in used}
    first, *others = keys.values() if keys else (Key(fields=()),)
    fields = sorted({field for other in others for field, _, _ in first.differences(other)})
    return f"{name} was measured in different ways, which are not comparable: {', '.join(fields) or 'unknown fields'} differ"

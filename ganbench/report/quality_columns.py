"""The columns of the metrics: final, best, and real against real for each metric under each evaluation key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganbench import text as formats
from ganbench.record.cells import Replicates, finite
from ganbench.record.record import Key, MetricValue, RunRecord, best_of
from ganbench.report.document import Beside, Cell, Column
from ganbench.report.run_columns import common_unit, coverage, mean_cell

_PARTS = {"final": "final", "best": "best", "floor": "real"}
"""Their headings."""
_MetricKey = tuple[str, str]
"""Name and digest of the evaluation key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricColumns:
    """The columns of all metrics of some records, and what their headings mean."""

    columns: tuple[Column, ...]
    """In the order in which readers want them: what all ended at, their bests, real against real."""
    explanation: tuple[str, ...]
    """A line for each metric."""
    warnings: tuple[str, ...]
    """Which were measured in ways that do not compare."""
    has_spread: bool
    """Whether a ± is over an extractor's networks."""

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
        _column(key, headings[key], value, part, ("" if averaged else "spread") if part == "floor" else beside)
        for part in _PARTS
        for key, value in samples.items()
    ]
    unit = common_unit(records)
    warnings = [_key_note(name, records) for name in sorted({name for name, _ in samples}) if sum(name == n for n, _ in samples) > 1]
    return MetricColumns(
        columns=tuple(columns),
        explanation=tuple(formats.clean(_explanation(headings[key], value, unit)) for key, value in samples.items()),
        warnings=tuple(map(formats.clean, warnings)),
        has_spread=not averaged and any(value.spread > 0 for value in samples.values()),
    )


def _column(key: _MetricKey, metric: str, value: MetricValue, part: str, beside: Beside) -> Column:
    return Column(
        id=f"{key[0]}@{key[1]}.{part}",
        heading=_PARTS[part],
        kind="number" if part == "floor" else "quality",
        direction="higher" if value.higher_is_better else "lower",
        metric=key[0],
        metric_heading=metric,
        evaluation_key=key[1],
        part=part,
        beside=beside,
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


def _history(record: RunRecord, key: _MetricKey) -> list[tuple[int, MetricValue]]:
    return [(seen, v) for seen, v in record.history(key[0]) if v.evaluation_key == key[1]]


def _cell(column: Column, history: list[tuple[int, MetricValue]]) -> Cell:
    """Return best, final or real against real of one metric of one run."""
    if not history:
        return Cell()
    shown = best_of(history) if column.part == "best" else history[-1][1]
    value, spread = (shown.floor, shown.floor_spread) if column.part == "floor" else (shown.value, shown.spread)
    return Cell() if value is None else Cell(formats.with_spread(value, spread), value=value, spread=spread if spread > 0 else None)


def _mean(column: Column, row: Replicates) -> Cell:
    """Return the mean over replicates of best or final, or real against real, which is not averaged where it is the same in all."""
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


def _explanation(heading: str, value: MetricValue, unit: str) -> str:
    """Return what a metric's heading means, in one line."""
    direction = "higher" if value.higher_is_better else "lower"
    generated = f"{value.num_generated:,} generated against {value.num_reference:,} real {unit}"
    compared = generated if value.num_generated else f"over {value.num_reference:,} held-out {unit}"
    text = f"{heading}: {value.name}, {compared}, {direction} is better"
    if value.floor is None:
        return text
    parts = f"{value.floor_count:,} {value.floor_of}" if value.floor_of else f"two halves of {value.floor_count:,} real {unit}"
    return f"{text}; real: real against real, {parts}{_range(value)}"


def _range(value: MetricValue) -> str:
    """Return between which values real against real lies."""
    splits = value.floor_splits
    if not splits:
        return ""
    ends = f", {formats.number(min(splits))} to {formats.number(max(splits))}" if len(splits) > 1 else ""
    return f"{ends} in {len(splits)} split{'s' if len(splits) > 1 else ''}"


def _key_note(name: str, records: Sequence[RunRecord]) -> str:
    """Return in which fields the evaluation keys of one metric differ."""
    keys: dict[str, Key] = {}
    for record in records:
        used = {v.evaluation_key for _, v in record.history(name)}
        keys |= {key.digest: key for key in record.keys.evaluation if key.digest in used}
    first, *others = keys.values() if keys else (Key(fields=()),)
    fields = sorted({field for other in others for field, _, _ in first.differences(other)})
    return f"{name} was measured in different ways, which are not comparable: {', '.join(fields) or 'unknown fields'} differ"

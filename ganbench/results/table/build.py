"""From records to a table. Every run that was asked for is a row, also one that failed or cannot be read, with its reason as a note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ganbench.metrics.key import Key
from ganbench.results.find import Unreadable
from ganbench.results.record import RunRecord
from ganbench.results.table import formats
from ganbench.results.table.columns import PLAIN_COLUMNS, SPEED_COLUMNS, Notes, plain_cell
from ganbench.results.table.machine import describe_difference, describe_machine
from ganbench.results.table.model import Cell, Column, Group, Row, Table
from ganbench.results.table.quality import MetricColumns, metric_columns


def make_table(items: Sequence[RunRecord | Unreadable]) -> Table:
    """Return the table of some runs.

    Args:
        items: what :func:`ganbench.results.find.load_runs` returned.
    """
    records = sorted((item for item in items if isinstance(item, RunRecord)), key=_order)
    metrics = metric_columns(records)
    columns = PLAIN_COLUMNS + metrics.columns
    groups = [_group(key, list(members), metrics) for key, members in _by_hardware(records)]
    if unreadable := [item for item in items if isinstance(item, Unreadable)]:
        groups.append(_unreadable_group(unreadable, columns))
    return Table(columns=columns, groups=tuple(groups), notes=metrics.notes)


def _order(record: RunRecord) -> tuple[str, str, int, str]:
    return record.dataset, record.name, record.seed, record.run_id


def _by_hardware(records: Sequence[RunRecord]) -> list[tuple[Key, list[RunRecord]]]:
    groups: dict[Key, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.keys.hardware, []).append(record)
    return sorted(groups.items(), key=lambda item: (describe_machine(item[0]), item[0].digest))


def _group(hardware: Key, records: Sequence[RunRecord], metrics: MetricColumns) -> Group:
    notes = Notes()
    usual = _usual_software(records)
    rows = tuple(_row(record, usual, metrics, notes) for record in records)
    return Group(machine=describe_machine(hardware), hardware=hardware, rows=rows, notes=notes.texts)


def _row(record: RunRecord, usual: Key, metrics: MetricColumns, notes: Notes) -> Row:
    software = _software_note(record.keys.software, usual, notes)
    cells = [plain_cell(column.id, record, notes, software if column.id in SPEED_COLUMNS else ()) for column in PLAIN_COLUMNS]
    return Row(run_id=formats.clean(record.run_id), cells=(*cells, *metrics.cells(record)))


def _usual_software(records: Sequence[RunRecord]) -> Key:
    """Return the software key of most runs; among equals the first."""
    counts = Counter(record.keys.software for record in records)
    return counts.most_common(1)[0][0]


def _software_note(software: Key, usual: Key, notes: Notes) -> tuple[int, ...]:
    differences = [f"{name} {describe_difference(ours, theirs)}" for name, ours, theirs in software.differences(usual)]
    return notes.add(f"speed under other software, not comparable with the rest: {', '.join(differences)}") if differences else ()


def _unreadable_group(items: Iterable[Unreadable], columns: Sequence[Column]) -> Group:
    notes, rows = Notes(), []
    for item in sorted(items, key=lambda item: str(item.path)):
        known = {
            "run": Cell(value=item.path.name, text=formats.clean(item.path.name)),
            "status": Cell(value="unreadable", text="unreadable", notes=notes.add(item.reason)),
            "reason": Cell(value=item.reason, text=formats.clean(item.reason)),
        }
        rows.append(Row(run_id=formats.clean(item.path.name), cells=tuple(known.get(column.id, Cell()) for column in columns)))
    return Group(machine="unknown machine: these records cannot be read", hardware=None, rows=tuple(rows), notes=notes.texts)

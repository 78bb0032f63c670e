"""From records to a table of single runs or of means over seeds. A run that failed or cannot be read is told with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ganbench import text as formats
from ganbench.record.cells import Replicates, group_replicates, tell_apart
from ganbench.record.find import Unreadable
from ganbench.record.machine import describe_difference, describe_machine
from ganbench.record.record import Key, RunRecord
from ganbench.report.averages import AVERAGE_COLUMNS, average_cells
from ganbench.report.quality_columns import MetricColumns, metric_columns
from ganbench.report.run_columns import PLAIN_COLUMNS, SPEED_COLUMNS, Notes, plain_cell
from ganbench.report.table_model import Cell, Column, Group, Row, Table

_OF_SEEDS = "± is half of the 95 % interval of the mean over n seeds (Student's t); a single run has none. --runs shows each run"


def make_table(items: Sequence[RunRecord | Unreadable]) -> Table:
    """Return the table of some runs, each a row.

    Args:
        items: what :func:`ganbench.record.find.load_runs` returned.
    """
    records = sorted((item for item in items if isinstance(item, RunRecord)), key=_order)
    metrics = metric_columns(records)
    columns = PLAIN_COLUMNS + metrics.columns
    groups = [_group(key, list(members), metrics) for key, members in _by_hardware(records)]
    if unreadable := [item for item in items if isinstance(item, Unreadable)]:
        groups.append(_unreadable_group(unreadable, columns))
    return Table(columns=columns, groups=tuple(groups), notes=metrics.notes)


def make_summary(items: Sequence[RunRecord | Unreadable]) -> Table:
    """Return the table of means over seeds: runs that differ in their seed only are one row, and a single run is a row as it is.

    Args:
        items: what :func:`ganbench.record.find.load_runs` returned.
    """
    records = sorted((item for item in items if isinstance(item, RunRecord)), key=_order)
    metrics = metric_columns(records, averaged=True)
    columns = AVERAGE_COLUMNS + metrics.columns
    groups = [_summary_group(key, list(members), metrics) for key, members in _by_hardware(records)]
    has_means = any(row.runs for group in groups for row in group.rows)
    if unreadable := [item for item in items if isinstance(item, Unreadable)]:
        groups.append(_unreadable_group(unreadable, columns))
    notes = (*metrics.notes, _OF_SEEDS) if has_means else metrics.notes
    return Table(columns=columns, groups=tuple(groups), notes=notes, kind="replicates")


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


def _summary_group(hardware: Key, records: Sequence[RunRecord], metrics: MetricColumns) -> Group:
    notes = Notes()
    usual = _usual_software(records)
    replicates = group_replicates(records)
    texts = zip(_run_names(replicates), tell_apart(replicates), strict=True)
    rows = [_summary_row(one, *pair, usual, metrics, notes) for one, pair in zip(replicates, texts, strict=True)]
    return Group(machine=describe_machine(hardware), hardware=hardware, rows=tuple(rows), notes=notes.texts)


def _run_names(rows: Sequence[Replicates]) -> list[str]:
    """Return what stands in the column of runs: the id of a single one, and beside those how many others there are."""
    has_single = any(row.is_single for row in rows)
    return [formats.clean(r.runs[0].run_id) if r.is_single else f"{len(r.runs)} runs" if has_single else "" for r in rows]


def _summary_row(one: Replicates, name: str, setting: str, usual: Key, metrics: MetricColumns, notes: Notes) -> Row:
    software = _software_note(one.example.keys.software, usual, notes)
    cells = (*average_cells(one, name, setting, notes, software), *metrics.mean_cells(one, notes))
    runs = () if one.is_single else tuple(formats.clean(run.run_id) for run in one.runs)
    return Row(run_id=name, cells=cells, runs=runs)


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

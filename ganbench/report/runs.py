"""Tables of runs: single ones, or means over seeds. A run that failed or cannot be read is told with its reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ganbench import text as formats
from ganbench.errors import UsageError
from ganbench.record.cells import group_replicates, short_names, tell_apart
from ganbench.record.find import Unreadable, find_runs, load_runs
from ganbench.record.machine import describe_difference, describe_machine
from ganbench.record.record import Key, RunRecord
from ganbench.report.document import Cell, Column, Document, Row, Section, Value
from ganbench.report.quality_columns import MetricColumns, metric_columns
from ganbench.report.run_columns import AVERAGE_COLUMNS, PLAIN_COLUMNS, average_cells, fit_columns, plain_cell
from ganbench.run.call import StoredRun

_OF_SEEDS = "±: half of the 95 % interval of the mean over n seeds"
_OF_NETWORKS = "±: over the extractor's networks"
_EXPLANATION = (
    "± over seeds is Student's t; a single run has none",
    "images/s and its like: real samples into the discriminator; speeds compare on one machine only",
)
_FIRST = ("name", "", "status", "n", "samples_per_second")
"""The ids of the columns that a reader wants first; the empty one is the final value of the first metric."""
_RUNS = Column(id="runs", heading="runs", kind="text", in_text=False)
COLUMN_NAMES = tuple(dict.fromkeys(name for column in (*AVERAGE_COLUMNS, *PLAIN_COLUMNS, _RUNS) for name in column.names))
"""What columns may be called that runs have whatever was measured on them."""


def table(*runs: RunRecord | StoredRun | str | Path, each: bool = False, sort: str | None = None) -> Document:
    """Return the table of some runs, as ``ganbench table`` shows it; a notebook shows it as HTML.

    Args:
        runs: records, or folders, globs, record files and run ids; none for all runs below ``results/runs``.
        each: whether each run is a row; else runs that differ in their seed only are one.
        sort: a metric or a column, the best first.

    Raises:
        NothingToCompare: no run at all.
        UsageError: a name that is no run, a column that is none, or no record that can be read.
    """
    records = [run if isinstance(run, RunRecord) else run.record for run in runs if isinstance(run, (RunRecord, StoredRun))]
    names = [str(run) for run in runs if isinstance(run, (str, Path))]
    items = [*records, *(load_runs(find_runs(names)) if names or not runs else ())]
    unreadable = [item.reason for item in items if isinstance(item, Unreadable)]
    if len(unreadable) == len(items):
        others = f" (and {len(items) - 1} more like it)" if len(items) > 1 else ""
        raise UsageError(f"no record can be read{others}: {unreadable[0]}")
    document = make_table(items) if each else make_summary(items)
    return document if sort is None else _order_by(document, sort)


def make_table(items: Sequence[RunRecord | Unreadable]) -> Document:
    """Return the table of some runs, each a row.

    Args:
        items: what :func:`ganbench.record.find.load_runs` returned.
    """
    records = sorted((item for item in items if isinstance(item, RunRecord)), key=_order)
    metrics = metric_columns(records)
    plain = fit_columns(PLAIN_COLUMNS, records)
    columns = plain + metrics.columns
    sections = [_machine(key, columns, _rows(plain, members, metrics)) for key, members in _by_hardware(records)]
    return _document(items, sections, columns, metrics, _OF_NETWORKS if metrics.has_spread else "", "runs")


def make_summary(items: Sequence[RunRecord | Unreadable]) -> Document:
    """Return the table of means over seeds: runs that differ in their seed only are one row, and a single run is a row as it is.

    Args:
        items: what :func:`ganbench.record.find.load_runs` returned.
    """
    records = sorted((item for item in items if isinstance(item, RunRecord)), key=_order)
    metrics = metric_columns(records, averaged=True)
    plain = fit_columns(AVERAGE_COLUMNS, records)
    columns = (*plain, *metrics.columns, _RUNS)
    sections = [_machine(key, columns, _mean_rows(plain, members, metrics)) for key, members in _by_hardware(records)]
    has_means = any(len(row.cells[-1].value) > 1 for section in sections for row in section.rows if isinstance(row.cells[-1].value, tuple))
    return _document(items, sections, columns, metrics, _OF_SEEDS if has_means else "", "replicates")


def _order_by(table: Document, name: str) -> Document:
    """Return a table whose rows stand by one column within each section, the best first; rows without a value come last.

    Args:
        table: of runs.
        name: of a column (``fd5k_digits``, which is the final value, ``fd5k_digits.best``, ``images/s``).

    Raises:
        UsageError: there is no such column, or values in it cannot be compared.
    """
    found = table.find(name)
    if len(found) > 1:
        raise UsageError(f"{name} was measured in {len(found)} ways, which give no common order", hint="choose runs of one of them")
    (column,) = found
    index = table.sections[0].columns.index(column)

    def value(row: Row) -> Value:
        found = row.cells[index].value
        return None if found == "" or (isinstance(found, float) and math.isnan(found)) else found

    def rank(row: Row) -> float | str:
        found = value(row)
        return str(found) if not isinstance(found, (int, float)) else -found if column.direction == "higher" else found

    sections = []
    for section in table.sections:
        known = sorted((row for row in section.rows if value(row) is not None), key=rank)
        sections.append(replace(section, rows=(*known, *(row for row in section.rows if value(row) is None))))
    return replace(table, sections=tuple(sections))


def _document(
    items: Sequence[RunRecord | Unreadable],
    sections: list[Section],
    columns: tuple[Column, ...],
    metrics: MetricColumns,
    interval: str,
    kind: str,
) -> Document:
    if unreadable := [item for item in items if isinstance(item, Unreadable)]:
        sections.append(_unreadable(unreadable, columns))
    return Document(
        sections=tuple(map(_for_readers, sections)),
        legend=tuple(filter(None, (interval, *metrics.warnings))),
        explanation=(*metrics.explanation, *_EXPLANATION),
        row_kind=kind,
        title="ganbench runs",
        options=("ganbench table --explain",),
    )


def _for_readers(section: Section) -> Section:
    """Return a section with its columns in the order in which readers want them."""
    columns = section.columns
    final = next((i for i, column in enumerate(columns) if column.metric), -1)

    def rank(i: int) -> tuple[bool, bool, int]:
        column = columns[i]
        first = "" if i == final else column.id
        others = len(_FIRST) + (0 if column.part == "final" else 1 if column.part == "best" else 2)
        return not column.in_text, column.id == "run", _FIRST.index(first) if first in _FIRST else others

    order = sorted(range(len(columns)), key=rank)
    rows = tuple(replace(row, cells=tuple(row.cells[i] for i in order)) for row in section.rows)
    return replace(section, columns=tuple(columns[i] for i in order), rows=rows)


def _order(record: RunRecord) -> tuple[str, str, int, str]:
    return record.dataset, record.name, record.seed, record.run_id


def _by_hardware(records: Sequence[RunRecord]) -> list[tuple[Key, list[RunRecord]]]:
    groups: dict[Key, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.keys.hardware, []).append(record)
    return sorted(groups.items(), key=lambda item: (describe_machine(item[0]), item[0].digest))


def _machine(hardware: Key, columns: tuple[Column, ...], rows: Iterable[Row]) -> Section:
    """Return the section of one kind of machine; only the speeds in it may be compared with each other."""
    name = describe_machine(hardware)
    facts = (("machine", name), ("hardware_key", hardware.digest), ("hardware", dict(hardware.fields)))
    return Section(title=name, columns=columns, rows=tuple(rows), facts=facts)


def _rows(columns: Sequence[Column], records: Sequence[RunRecord], metrics: MetricColumns) -> Iterable[Row]:
    usual = _usual_software(records)
    for record, name in zip(records, short_names(records), strict=True):
        software = _software_note(record, usual)
        yield Row((*(plain_cell(column, record, name, software) for column in columns), *metrics.cells(record)))


def _mean_rows(columns: Sequence[Column], records: Sequence[RunRecord], metrics: MetricColumns) -> Iterable[Row]:
    usual, replicates = _usual_software(records), group_replicates(records)
    names = short_names([one.example for one in replicates])
    for one, name, setting in zip(replicates, names, tell_apart(replicates), strict=True):
        software = _software_note(one.example, usual)
        runs = Cell(value=tuple(formats.clean(run.run_id) for run in one.runs))
        yield Row((*average_cells(columns, one, name, setting, software), *metrics.mean_cells(one), runs))


def _usual_software(records: Sequence[RunRecord]) -> Key:
    """Return the software key of most runs that have a speed; among equals the first."""
    counts = Counter(record.keys.software for record in [one for one in records if one.kind == "run"] or records)
    return counts.most_common(1)[0][0]


def _software_note(record: RunRecord, usual: Key) -> tuple[str, ...]:
    differences = [f"{name} {describe_difference(ours, theirs)}" for name, ours, theirs in record.keys.software.differences(usual)]
    text = f"speed under other software, not comparable with the rest: {', '.join(differences)}"
    return (formats.clean(text),) if differences and record.kind == "run" else ()


def _unreadable(items: Iterable[Unreadable], columns: tuple[Column, ...]) -> Section:
    rows = []
    for item in sorted(items, key=lambda item: str(item.path)):
        name, reason = formats.clean(item.path.name), formats.clean(item.reason)
        known = {
            "name": Cell(name, value=item.path.name),
            "run": Cell(name, value=item.path.name),
            "status": Cell("unreadable", value="unreadable", notes=(reason,), tone="bad"),
            "reason": Cell(reason, value=item.reason),
            "runs": Cell(value=(name,)),
        }
        rows.append(Row(tuple(known.get(column.id, Cell()) for column in columns)))
    title = "unknown machine: these records cannot be read"
    return Section(title=title, columns=columns, rows=tuple(rows), facts=(("machine", title), ("hardware_key", None), ("hardware", None)))

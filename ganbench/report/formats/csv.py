"""A table as CSV: every column, in ASCII headings, numbers in full."""

from __future__ import annotations

import csv
import io

from ganbench.record.record import Scalar
from ganbench.report.table_model import Cell, Column, Group, Row, Table

_GROUP_HEADINGS = ("machine", "hardware_key", "notes")


def render_csv(table: Table) -> str:
    """Return a table as CSV with one header line (RFC 4180, lines end in a line feed).

    A metric's heading holds name, evaluation key, part and direction, and each best and final value is followed by its spread. A mean is
    followed by half the width of its interval and by its number of runs instead. Values that are missing are empty; ``nan`` and ``inf`` are
    written so. The runs of a mean are in the last column.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    last = ["runs"] if table.kind == "replicates" else []
    writer.writerow([*_GROUP_HEADINGS, *(heading for column in table.columns for heading in _headings(column)), *last])
    for group in table.groups:
        for row in group.rows:
            writer.writerow([*_values(table, group, row), *([" ".join(row.runs or (row.run_id,))] if last else [])])
    return buffer.getvalue()


def _headings(column: Column) -> list[str]:
    name = f"{column.metric}@{column.evaluation_key} {column.part}" if column.metric else column.id
    heading = f"{name} ({column.direction} is better)" if column.metric else name
    if column.averaged:
        return [heading, f"{name} half width", f"{name} n"]
    return [heading, f"{name} spread"] if _has_spread(column) else [heading]


def _values(table: Table, group: Group, row: Row) -> list[Scalar]:
    marked = sorted({note for cell in row.cells for note in cell.notes})
    notes = "; ".join(group.notes[note - 1] for note in marked)
    values: list[Scalar] = [group.machine, group.hardware.digest if group.hardware else "", notes]
    for column, cell in zip(table.columns, row.cells, strict=True):
        values += _cell(column, cell)
    return values


def _cell(column: Column, cell: Cell) -> list[Scalar]:
    value = str(cell.value).lower() if isinstance(cell.value, bool) else cell.value
    if column.averaged:
        return [value, cell.half_width, cell.num_runs]
    return [value, cell.spread] if _has_spread(column) else [value]


def _has_spread(column: Column) -> bool:
    return column.part in ("best", "final")

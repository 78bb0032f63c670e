"""A table as CSV: every column, in ASCII headings, numbers in full."""

from __future__ import annotations

import csv
import io

from ganbench.metrics.key import Scalar
from ganbench.results.table.model import Cell, Column, Group, Row, Table

_GROUP_HEADINGS = ("machine", "hardware_key", "notes")


def render_csv(table: Table) -> str:
    """Return a table as CSV with one header line (RFC 4180, lines end in a line feed).

    A metric's heading holds name, evaluation key, part and direction, and each best and final value is followed by its spread. Values that
    are missing are empty; ``nan`` and ``inf`` are written so.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_GROUP_HEADINGS, *(heading for column in table.columns for heading in _headings(column))])
    for group in table.groups:
        for row in group.rows:
            writer.writerow(_values(table, group, row))
    return buffer.getvalue()


def _headings(column: Column) -> list[str]:
    if not column.metric:
        return [column.id]
    heading = f"{column.metric}@{column.evaluation_key} {column.part} ({column.direction} is better)"
    return [heading] if column.part == "floor" else [heading, f"{column.metric}@{column.evaluation_key} {column.part} spread"]


def _values(table: Table, group: Group, row: Row) -> list[Scalar]:
    marked = sorted({note for cell in row.cells for note in cell.notes})
    notes = "; ".join(group.notes[note - 1] for note in marked)
    values: list[Scalar] = [group.machine, group.hardware.digest if group.hardware else "", notes]
    for column, cell in zip(table.columns, row.cells, strict=True):
        values += _cell(column, cell)
    return values


def _cell(column: Column, cell: Cell) -> list[Scalar]:
    value = str(cell.value).lower() if isinstance(cell.value, bool) else cell.value
    return [value, cell.spread] if column.metric and column.part != "floor" else [value]

"""A document as CSV: every column, in ASCII headings, numbers in full."""

from __future__ import annotations

import csv
import io
import unicodedata

from ganbench.report.document import Cell, Column, Document, Row, Section, Value
from ganbench.text import clean


def render_csv(document: Document) -> str:
    """Return a document as CSV with a header line (RFC 4180, lines end in a line feed); sections of other columns begin with their own.

    A quality's heading holds name, evaluation key, part and direction. Beside a value stand its spread, or half the width of a mean's
    interval and its number of runs. Values that are missing are empty; ``nan`` and ``inf`` are written so. A section's facts lead each
    line, and the notes of its row. A text that a spreadsheet would compute stands behind an apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    before: list[str] = []
    for section in document.sections:
        header = [*_facts(section), *(heading for column in section.columns for heading in _headings(column))]
        if header != before:
            writer.writerow(map(_inert, header))
            before = header
        writer.writerows(map(_inert, _values(section, row)) for row in section.rows)
    return buffer.getvalue()


def _facts(section: Section) -> dict[str, Value]:
    """Return what can stand in a cell."""
    facts: dict[str, Value] = {name: fact for name, fact in section.facts if isinstance(fact, (str, int, float, type(None)))}
    return facts | {"notes": None} if facts else {}


def _headings(column: Column) -> list[str]:
    name = f"{column.metric}@{column.evaluation_key} {column.part}" if column.metric else column.id or column.title()
    heading = f"{name} ({column.direction} is better)" if column.metric else name
    return [heading, *{"spread": [f"{name} spread"], "interval": [f"{name} half width", f"{name} n"], "": []}[column.beside]]


def _values(section: Section, row: Row) -> list[Value]:
    facts = _facts(section)
    if facts:
        facts["notes"] = "; ".join(note for note in section.notes if any(note in cell.notes for cell in row.cells))
    values = list(facts.values())
    for column, cell in zip(section.columns, row.cells, strict=True):
        values += _cell(column, cell)
    return values


def _cell(column: Column, cell: Cell) -> list[Value]:
    value = cell.value if column.id else " ".join(cell.text.split("\n"))
    if isinstance(value, bool):
        value = str(value).lower()
    beside: dict[str, list[Value]] = {"spread": [cell.spread], "interval": [cell.half_width, cell.num_runs], "": []}
    return [" ".join(value) if isinstance(value, tuple) else value, *beside[column.beside]]


def _inert(value: Value) -> Value:
    """Return what a spreadsheet shows and never computes, and a terminal prints and never obeys."""
    if not isinstance(value, str):
        return value
    text = clean(value)
    return f"'{text}" if len(text) > 1 and unicodedata.normalize("NFKC", text[:1]) in tuple("=+-@") else text

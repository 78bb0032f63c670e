"""A document as GitHub-flavoured markdown, with every column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ganbench.report.document import Cell, Document, Section
from ganbench.text import clean


def render_markdown(document: Document) -> str:
    """Return a document as markdown: a heading, a table for each section, its notes, and the legend as a list."""
    return "\n\n".join(_blocks(document)) + "\n"


def _blocks(document: Document) -> Iterator[str]:
    if document.heading:
        yield "  \n".join(map(_escape, document.heading))
    numbers: dict[str, int] = {}
    for section in document.sections:
        numbers = document.numbers(section)
        yield _table(section, numbers)
        if document.layout != "report" and numbers:
            yield _notes(numbers)
    if document.layout == "report" and numbers:
        yield _notes(numbers)
    if document.legend:
        yield "\n".join(f"- {_escape(line)}" for line in document.legend)


def _notes(numbers: Mapping[str, int]) -> str:
    return "  \n".join(f"<sup>{number}</sup> {_escape(note)}" for note, number in numbers.items())


def _table(section: Section, numbers: Mapping[str, int]) -> str:
    indices = section.shown()
    columns = [section.columns[i] for i in indices]
    lines = [f"### {_escape(section.title)}", "", _line([_escape(column.title()) for column in columns])]
    lines.append(_line(["---:" if column.is_number else "---" for column in columns]))
    lines += [_line([_cell(row.cells[i], numbers) for i in indices]) for row in section.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, numbers: Mapping[str, int]) -> str:
    marker = f"<sup>{','.join(str(numbers[note]) for note in cell.notes)}</sup>" if cell.notes else ""
    return _escape(" ".join(cell.text.split("\n")) or "-") + marker


def _escape(text: str) -> str:
    """Return text that markdown shows as it is."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)

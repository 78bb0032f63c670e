"""A document as GitHub-flavoured markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ganbench.report.document import Cell, Document, Section
from ganbench.text import clean

_WIDTH = 130
"""Characters of a line that GitHub shows without scrolling."""


def render_markdown(document: Document) -> str:
    """Return a document as markdown: a heading, a table for each section, its notes, and the legend as a list."""
    return "\n\n".join(_blocks(document)) + "\n"


def _blocks(document: Document) -> Iterator[str]:
    if document.heading:
        yield "  \n".join(map(_begin, document.heading))
    numbers = document.numbers()
    for section in document.sections:
        yield from _table(document, section, numbers)
    if numbers:
        yield _notes(numbers)
    if document.legend:
        yield _list(document.legend)
    if document.explanation:
        yield f"<details><summary>How to read it</summary>\n\n{_list(document.explanation)}\n\n</details>"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_begin(line)}" for line in lines)


def _notes(numbers: Mapping[str, int]) -> str:
    return "  \n".join(f"<sup>{number}</sup> {_escape(note)}" for note, number in numbers.items())


def _table(document: Document, section: Section, numbers: Mapping[str, int]) -> Iterator[str]:
    excerpt = document.excerpt(section, _WIDTH)
    columns = [section.columns[i] for i in excerpt.columns]
    yield f"### {_escape(section.title)}"
    if excerpt.same:
        yield _begin(", ".join(excerpt.same))
    lines = [_line([_escape(column.title()) for column in columns]), _line(["---:" if column.is_number else "---" for column in columns])]
    yield "\n".join(lines + [_line([_cell(row.cells[i], numbers) for i in excerpt.columns]) for row in section.rows])
    if excerpt.left_out:
        yield f"Not shown: {_escape(', '.join(excerpt.left_out))}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, numbers: Mapping[str, int]) -> str:
    marker = f"<sup>{','.join(str(numbers[note]) for note in cell.notes)}</sup>" if cell.notes else ""
    return _escape(" ".join(cell.text.split("\n")) or "-") + marker


def _escape(text: str) -> str:
    """Return text that markdown shows as it is."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)


def _begin(text: str) -> str:
    """Return text that begins a line, and no list, rule, heading or code."""
    return re.sub(r"^(\d*)([-+=.)])(?=[-+=\s]|$)", r"\1\\\2", _escape(text).lstrip())

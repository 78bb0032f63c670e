"""A report as GitHub-flavoured markdown, with every column."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ganbench.report.document import Cell, Section, Sheet


def render_markdown(sheet: Sheet) -> str:
    """Return a report as markdown: a table for each section, then the notes."""
    parts = ["  \n".join(map(_escape, sheet.heading)), *map(_section, sheet.sections)]
    if sheet.notes:
        parts.append("  \n".join(f"<sup>{i}</sup> {_escape(note)}" for i, note in enumerate(sheet.notes, start=1)))
    if sheet.legend:
        parts.append("\n".join(f"- {_escape(line)}" for line in sheet.legend))
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    indices = section.shown()
    columns = [section.columns[i] for i in indices]
    lines = [f"### {_escape(section.title)}", "", _line([_escape(" ".join(c.heading.split())) for c in columns])]
    lines.append(_line(["---:" if column.is_number else "---" for column in columns]))
    for block in section.blocks:
        name = Cell(" ".join(block.name), block.notes)
        lines += [_line([_cell(name if i == 0 else cells[i - 1]) for i in indices]) for cells in block.lines]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return _escape(cell.text or "-") + (f"<sup>{','.join(map(str, cell.notes))}</sup>" if cell.notes else "")


def _escape(text: str) -> str:
    """Return text that markdown shows as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)

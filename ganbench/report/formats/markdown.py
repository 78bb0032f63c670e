"""A table as GitHub-flavoured markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ganbench.report.table_model import Cell, Table, unit_heading


def render_markdown(table: Table) -> str:
    """Return a table as markdown: a heading, a table and its notes for each machine."""
    blocks = []
    for group in table.groups:
        indices = table.text_columns(group)
        columns = [table.columns[i] for i in indices]
        lines = [f"### {_escape(group.machine)}", "", _line([_escape(unit_heading(column)) for column in columns])]
        lines.append(_line(["---:" if column.is_number else "---" for column in columns]))
        lines += [_line([_cell(row.cells[i]) for i in indices]) for row in group.rows]
        blocks.append("\n".join(lines))
        if group.notes:
            blocks.append("  \n".join(f"<sup>{i}</sup> {_escape(note)}" for i, note in enumerate(group.notes, start=1)))
    if table.notes:
        blocks.append("\n".join(f"- {_escape(note)}" for note in table.notes))
    return "\n\n".join(blocks) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    marker = f"<sup>{','.join(map(str, cell.notes))}</sup>" if cell.notes else ""
    return _escape(cell.text or "-") + marker


def _escape(text: str) -> str:
    """Return text that markdown shows as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)

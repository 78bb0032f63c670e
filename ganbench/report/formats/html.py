"""A table as one self-contained HTML page: no script, nothing fetched, light and dark."""

from __future__ import annotations

from html import escape

from ganbench.report.table_model import Cell, Column, Group, Table, unit_heading, worst_status

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #888; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { border-bottom-width: 2px; }
.number { text-align: right; }
.note, ul { color: var(--dim); font-size: .87rem; margin: .3rem 0; }
.status-complete { color: #2a8a4a; } .status-collapsed, .status-interrupted { color: #b07a00; }
.status-diverged, .status-failed, .status-unreadable { color: #c8324a; }
"""


def render_html(table: Table) -> str:
    """Return a table as an HTML page; every text from a record is escaped."""
    groups = "".join(_group(table, group) for group in table.groups)
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>ganbench runs</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>ganbench runs</h1>\n"
        f"{groups}{f'<ul>{notes}</ul>' if notes else ''}\n</body>\n</html>\n"
    )


def _group(table: Table, group: Group) -> str:
    indices = table.text_columns(group)
    head = "".join(f"<th{_class(table.columns[i])}>{escape(unit_heading(table.columns[i]))}</th>" for i in indices)
    rows = "\n".join(f"<tr>{''.join(_cell(table.columns[i], row.cells[i]) for i in indices)}</tr>" for row in group.rows)
    notes = "".join(f'<p class="note"><sup>{i}</sup> {escape(note)}</p>\n' for i, note in enumerate(group.notes, start=1))
    return (
        f'<h2>{escape(group.machine)}</h2>\n<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>\n{notes}"
    )


def _cell(column: Column, cell: Cell) -> str:
    marker = f"<sup>{','.join(map(str, cell.notes))}</sup>" if cell.notes else ""
    kind = f' class="status-{escape(worst_status(cell.text))}"' if column.id == "status" else _class(column)
    return f"<td{kind}>{escape(cell.text or '-')}{marker}</td>"


def _class(column: Column) -> str:
    return ' class="number"' if column.is_number else ""

"""A table as LaTeX with booktabs, in ASCII."""

from __future__ import annotations

from ganbench.report.table_model import Cell, Column, Group, Table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def render_latex(table: Table) -> str:
    """Return a ``table`` environment for each machine; needs ``\\usepackage{booktabs}`` and the T1 font encoding."""
    return "\n".join(_group(table, group) for group in table.groups)


def _group(table: Table, group: Group) -> str:
    indices = table.text_columns(group)
    columns = [table.columns[i] for i in indices]
    notes = [rf"\textsuperscript{{{i}}} {_escape(note)}" for i, note in enumerate(group.notes, start=1)]
    notes += [_escape(note) for note in table.notes]
    lines = [
        r"\begin{table}",
        r"  \centering\small",
        rf"  \caption{{{_escape(group.machine)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if column.is_number else 'l' for column in columns)}}}",
        r"    \toprule",
        f"    {' & '.join(_heading(column) for column in columns)} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(_cell(row.cells[i]) for i in indices)} \\\\" for row in group.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\footnotesize {note}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _heading(column: Column) -> str:
    if not column.metric:
        return _escape(column.heading)
    arrow = r"$\uparrow$" if column.direction == "higher" else r"$\downarrow$"
    return f"{_escape(column.metric_heading)} {arrow} {_escape(column.heading)}"


def _cell(cell: Cell) -> str:
    marker = rf"\textsuperscript{{{','.join(map(str, cell.notes))}}}" if cell.notes else ""
    return _escape(cell.text or "-") + marker


def _escape(text: str) -> str:
    """Return text that LaTeX prints as it is; characters beyond ASCII become a question mark."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return escaped.encode("ascii", "replace").decode()

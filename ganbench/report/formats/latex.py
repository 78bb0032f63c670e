"""A document as LaTeX with booktabs, in ASCII."""

from __future__ import annotations

from collections.abc import Mapping

from ganbench.report.document import Cell, Document, Section
from ganbench.text import clean

_NEEDS = r"\usepackage{booktabs} and \usepackage[T1]{fontenc}"
_WIDTH = 90
"""Characters of a line of an article in ``small``, about."""
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def render_latex(document: Document) -> str:
    """Return a ``table`` environment for each section, with a comment that says which package and which font encoding it needs."""
    heading = "".join(f"{_escape(line)}\n\n" for line in document.heading)
    return heading + "\n".join(_table(document, section) for section in document.sections)


def _table(document: Document, section: Section) -> str:
    excerpt, numbers = document.excerpt(section, _WIDTH), document.numbers()
    indices = excerpt.columns
    columns = [section.columns[i] for i in indices]
    notes = [rf"\textsuperscript{{{numbers[note]}}} {_escape(note)}" for note in section.notes]
    notes += [_escape(line) for line in (*document.legend, *([f"Not shown: {', '.join(excerpt.left_out)}"] if excerpt.left_out else []))]
    caption = "; ".join(filter(None, (section.title, ", ".join(excerpt.same))))
    lines = [
        rf"\begin{{table}} % {_NEEDS}",
        r"  \centering\small",
        rf"  \caption{{{_escape(caption)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if column.is_number else 'l' for column in columns)}}}",
        r"    \toprule",
        f"    {' & '.join(_escape(column.title()) for column in columns)} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(_cell(row.cells[i], numbers) for i in indices)} \\\\" for row in section.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\footnotesize {note}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cell(cell: Cell, numbers: Mapping[str, int]) -> str:
    marker = rf"\textsuperscript{{{','.join(str(numbers[note]) for note in cell.notes)}}}" if cell.notes else ""
    return _escape(" ".join(cell.text.split("\n")) or "-") + marker


def _escape(text: str) -> str:
    """Return text that LaTeX prints as it is; characters beyond ASCII become a question mark."""
    return "".join(_ESCAPES.get(character, character) for character in clean(text)).encode("ascii", "replace").decode()

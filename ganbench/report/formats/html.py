"""A document as HTML: one self-contained page, or the part of it that a notebook shows. No script, nothing fetched, light and dark."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from ganbench.report.document import Cell, Column, Document, Section
from ganbench.text import clean

_WIDTH = 124
"""Characters of a line that stand side by side in a window of 1280 pixels."""
_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
"""
_STYLE = """
.ganbench h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.ganbench .wide { overflow-x: auto; }
.ganbench table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.ganbench th, .ganbench td { padding: .3rem .7rem; border-bottom: 1px solid #8884; text-align: left; vertical-align: top; }
.ganbench th { border-bottom-width: 2px; vertical-align: bottom; }
.ganbench .number { text-align: right; }
.ganbench .number, .ganbench .name, .ganbench th { white-space: nowrap; }
.ganbench .note, .ganbench ul, .ganbench details { color: #888; font-size: .87rem; margin: .3rem 0; }
.ganbench .good { color: #2a8a4a; } .ganbench .doubtful { color: #b07a00; } .ganbench .bad { color: #c8324a; }
"""


def render_html(document: Document) -> str:
    """Return a document as an HTML page; every text in it is escaped."""
    title = _escape(document.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_PAGE_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"{fragment(document)}</body>\n</html>\n"
    )


def fragment(document: Document) -> str:
    """Return what stands in a page, with a style that touches nothing around it."""
    heading = "".join(f"<p>{_escape(line)}</p>\n" for line in document.heading)
    sections = "".join(_section(document, section, document.numbers()) for section in document.sections)
    details = f"<details><summary>How to read it</summary>{_list(document.explanation)}</details>" if document.explanation else ""
    return f'<style>{_STYLE}</style>\n<div class="ganbench">\n{heading}{sections}{_list(document.legend)}{details}\n</div>\n'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _section(document: Document, section: Section, numbers: Mapping[str, int]) -> str:
    excerpt = document.excerpt(section, _WIDTH)
    indices = excerpt.columns
    headings = ("<br>".join(map(_escape, lines)) for lines in excerpt.headings)
    head = "".join(f"<th{_class(section.columns[i])}>{heading}</th>" for i, heading in zip(indices, headings, strict=True))
    rows = "\n".join(f"<tr>{''.join(_cell(section.columns[i], row.cells[i], numbers) for i in indices)}</tr>" for row in section.rows)
    notes = "".join(f'<p class="note"><sup>{numbers[note]}</sup> {_escape(note)}</p>\n' for note in section.notes)
    same = f'<p class="note">{_escape(", ".join(excerpt.same))}</p>\n' if excerpt.same else ""
    notes += f'<p class="note">not shown: {_escape(", ".join(excerpt.left_out))}</p>\n' if excerpt.left_out else ""
    return (
        f'<h2>{_escape(section.title)}</h2>\n{same}<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>\n{notes}"
    )


def _cell(column: Column, cell: Cell, numbers: Mapping[str, int]) -> str:
    marker = f"<sup>{','.join(str(numbers[note]) for note in cell.notes)}</sup>" if cell.notes else ""
    return f"<td{_class(column, cell.tone)}>{_escape(cell.text or '-')}{marker}</td>"


def _class(column: Column, tone: str = "") -> str:
    classes = " ".join(filter(None, ("number" if column.is_number else "name" if column.kind == "name" else "", tone)))
    return f' class="{classes}"' if classes else ""


def _escape(text: str) -> str:
    return html.escape(clean(text))

"""A document for a terminal of any width.

A row is a line, from which the columns on the right are left out where they do not fit. The only row of a document, if its first column
has a heading, is written as a list of fields instead, with nothing left out. A page folds its texts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from ganbench.report.document import Cell, Column, Document, Excerpt, Row, Section
from ganbench.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_MARGIN = 1
_EXPLAIN = "--explain"
_LEAST_VALUE = 20
"""Characters that a narrow terminal keeps for the values of a list of fields."""
_SUPERSCRIPTS = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")
_STYLES = {"good": "green", "going": "cyan", "doubtful": "yellow", "bad": "red", "": ""}
_WIDEST = 10_000
_PIECES = re.compile(r"[^\s._/-]*[\s._/-]|[^\s._/-]+")


def render_terminal(document: Document, *, width: int = 80, colour: bool = False) -> str:
    """Return a document as text that fits into ``width`` columns where that is possible at all.

    Args:
        document: what to show.
        width: columns of the terminal.
        colour: whether to use its colours.
    """
    console = _make_console(width=width, colour=colour)
    for line in document.heading:
        console.print(_text(line, "bold"))
    (_print_page if document.layout == "page" else _print_table)(console, document)
    return printed(console)


def _make_console(*, width: int, colour: bool) -> Console:
    """Return a rich console that writes into a string, and takes neither width nor colour from the environment."""
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        width=max(width, 20),
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )


def printed(console: Console) -> str:
    """Return what a console of :func:`_make_console` has written, without blanks at the ends of lines and more than one blank line."""
    file = console.file
    assert isinstance(file, io.StringIO)
    lines = "\n".join(line.rstrip() for line in file.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).lstrip("\n") + "\n"


def folded(text: str, width: int) -> tuple[str, ...]:
    """Return a text in lines of at most ``width`` characters, at least one; folded behind blanks, dots and dashes where there are any.

    Args:
        text: without line feeds.
        width: 1 or more.
    """
    lines = [""]
    for piece in _PIECES.findall(text):
        for part in (piece[i : i + width] for i in range(0, len(piece), width)):
            if len((lines[-1] + part).rstrip()) > width:
                lines.append("")
            lines[-1] += part
    return tuple(line.strip() for line in lines)


def _print_table(console: Console, document: Document) -> None:
    from rich.cells import cell_len

    document = replace(document, sections=tuple(_with_reasons_as_notes(section) for section in document.sections))
    numbers = document.numbers()
    left_out: list[str] = []
    for section in document.sections:
        console.print()
        excerpt = document.excerpt(section, console.width - _MARGIN, cell_len)
        if len(document.sections) == len(section.rows) == 1 and excerpt.left_out and section.columns[0].title():
            console.print(_text(section.title, "bold"))
            _print_single(console, section, numbers)
            continue
        console.print(_text("; ".join(filter(None, (section.title, ", ".join(excerpt.same)))), "bold"))
        _print_rows(console, _grid(section, excerpt, numbers), is_whole=document.is_whole)
        left_out += excerpt.left_out
    for note, number in numbers.items():
        console.print(_text(f"{_marker([number])} {note}", "dim"))
    for line in (*document.legend, *_missing(document, list(dict.fromkeys(left_out)))):
        console.print(_text(line, "dim"))


def _missing(document: Document, left_out: Sequence[str]) -> Iterator[str]:
    """Yield what is not shown, and how it is."""
    flags = [flag for flag in document.options if not flag.endswith(_EXPLAIN)]
    explain = next((flag for flag in document.options if flag.endswith(_EXPLAIN)), "")
    if left_out:
        count = f"{len(left_out)} column{'' if len(left_out) == 1 else 's'}"
        how = f" ({', '.join(flags)})" if flags else f": {', '.join(left_out)}"
        yield f"left out at this width: {count}{how}"
    if document.explanation and explain:
        yield f"{explain} says what each column means"


def _print_rows(console: Console, table: Table, *, is_whole: bool) -> None:
    """Print a table, beyond the edge of the terminal where all of it is wanted."""
    width = console.width
    console.width = _WIDEST if is_whole else width
    console.print(table)
    console.width = width


def _print_page(console: Console, document: Document) -> None:
    """Print each section as a grid: fields with their values, or columns under headings."""
    from rich.table import Table

    for section in document.sections:
        console.print()
        console.print(_text(section.title, "bold cyan"))
        has_headings = any(column.heading for column in section.columns)
        grid = Table(box=None, show_header=has_headings, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        grid.add_column("", width=1)
        for column in section.columns:
            grid.add_column(_text(column.heading), style="dim" if column.kind == "name" and not has_headings else "", overflow="fold")
        for row in section.rows:
            grid.add_row("", *(_text(cell.text) for cell in row.cells))
        console.print(grid)
    for line in document.legend:
        console.print(_text(line, "dim"))


def _print_single(console: Console, section: Section, numbers: Mapping[str, int]) -> None:
    """Print one row: a field on each line, then a line for each metric."""
    columns, (row,), indices = section.columns, section.rows, section.shown()
    plain = [i for i in indices if not columns[i].metric]
    fields = _empty_table(show_header=False)
    longest = max((len(columns[i].title()) for i in plain), default=0)
    fields.add_column(style="bold", width=min(longest, max(console.width - _LEAST_VALUE, 1)), overflow="fold")
    fields.add_column(overflow="fold")
    for i in plain:
        fields.add_row(columns[i].title(), _lines([row.cells[i].text], row.cells[i], numbers))
    console.print(fields)
    if len(plain) == len(indices):
        return
    table = _empty_table()
    parts = tuple(dict.fromkeys(columns[i].part for i in indices if columns[i].metric))
    for heading in ("quality", *(next(c.heading for c in columns if c.part == part) for part in parts)):
        table.add_column(heading, justify="left" if heading == "quality" else "right", overflow="fold")
    for title in dict.fromkeys(columns[i].metric_title() for i in indices if columns[i].metric):
        cells = {columns[i].part: _lines([row.cells[i].text], row.cells[i], numbers) for i in indices if columns[i].metric_title() == title}
        table.add_row(title, *(cells.get(part, "") for part in parts))
    console.print(table)


def _with_reasons_as_notes(section: Section) -> Section:
    """Return a section in which the first cell refers to what a column of reasons says, and rows that say the same are one."""
    reasons = [i for i, column in enumerate(section.columns) if column.kind == "reason"]
    kept = [i for i in range(len(section.columns)) if i not in reasons]
    blocks: list[tuple[Row, ...]] = []
    for block in _blocks(section.rows):
        why = tuple(dict.fromkeys(row.cells[i].text for row in block for i in reasons if row.cells[i].text))
        cells = [[row.cells[i] for i in kept] for row in block]
        first = replace(cells[0][0], notes=(*cells[0][0].notes, *why))
        rest = [tuple(line[1:]) for line in cells]
        same = next((n for n, other in enumerate(blocks) if section.merges and [row.cells[1:] for row in other] == rest), None)
        if same is None:
            blocks.append(tuple(Row((first, *line[1:]), is_joined=n > 0) for n, line in enumerate(cells)))
        else:
            blocks[same] = tuple(replace(row, cells=(_both(row.cells[0], first), *row.cells[1:])) for row in blocks[same])
    return replace(section, columns=tuple(section.columns[i] for i in kept), rows=tuple(row for block in blocks for row in block))


def _both(one: Cell, other: Cell) -> Cell:
    """Return two names in one cell, one below the other, with the notes of both in one sentence."""
    notes = dict.fromkeys((*one.notes, *other.notes))
    return replace(one, text=f"{one.text}\n{other.text}", notes=("; ".join(notes),) if notes else ())


def _blocks(rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    """Yield the rows that belong together."""
    starts = 0

    def number(row: Row) -> int:
        nonlocal starts
        starts += not row.is_joined
        return starts

    for _, block in groupby(rows, number):
        yield tuple(block)


def _grid(section: Section, excerpt: Excerpt, numbers: Mapping[str, int]) -> Table:
    """Return some columns: a line for each row, and the name of joined rows once."""
    table = _empty_table()
    indices = excerpt.columns
    for i, heading in zip(indices, excerpt.headings, strict=True):
        column, title = section.columns[i], "\n".join(heading)
        is_name = column.kind == "name"
        table.add_column(title, justify="right" if column.is_number else "left", no_wrap=not is_name, overflow="fold")
    for block in _blocks(section.rows):
        columns = [[_in_lines(row.cells[i], section.columns[i], numbers) for row in block] for i in indices]
        heights = [max(map(len, lines)) for lines in zip(*(columns[1:] or columns), strict=True)]
        if section.columns[indices[0]].kind == "name":
            columns[0][1:] = [[] for _ in block[1:]]
        table.add_row(*(_text("\n").join(_padded(texts, heights)) for texts in columns))
    return table


def _in_lines(cell: Cell, column: Column, numbers: Mapping[str, int]) -> list[Text]:
    """Return what a row has in a column, one line below the other."""
    texts = [line for text in cell.text.split("\n") for line in (folded(text, column.width) if column.width else (text,))]
    return list(_lines(texts, cell, numbers).split("\n"))


def _padded(texts: Sequence[Sequence[Text]], heights: Sequence[int]) -> list[Text]:
    """Return the lines of a block, with blank ones where another column's text goes on; a name goes on where its rows have nothing."""
    if len(texts) > 1 and not any(texts[1:]):
        return list(texts[0])
    return [line for lines, height in zip(texts, heights, strict=True) for line in (*lines, *(height - len(lines)) * [_text(" ")])]


def _lines(lines: Sequence[str], cell: Cell, numbers: Mapping[str, int]) -> Text:
    """Return a cell's text in lines, and the numbers of its notes; a missing value is a dash, never a gap."""
    text = _text("\n".join(lines) or "-", _STYLES[cell.tone] if cell.text else "dim")
    text.append(_marker([numbers[note] for note in cell.notes]), style="yellow")
    return text


def _empty_table(*, show_header: bool = True) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, show_edge=False, show_header=show_header, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")


def _marker(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers)).translate(_SUPERSCRIPTS)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text("\n".join(map(clean, text.split("\n"))), style=style)

"""A document for a terminal of any width.

Of a table what fits is written as it is. What does not is turned: a row or a few become columns of a list of fields; many keep their rows
and lose the least important columns, which are named below. A report only loses columns, and a page folds its texts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from ganbench.report.document import Cell, Column, Document, Row, Section
from ganbench.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_TURNED_ROWS = 3
_LEAST_VALUE = 20
"""Characters that a narrow terminal keeps for the values of a turned table."""
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
    console = make_console(width=width, colour=colour)
    for line in document.heading:
        console.print(_text(line, "bold"))
    {"table": _print_table, "report": _print_report, "page": _print_page}[document.layout](console, document)
    return printed(console)


def make_console(*, width: int, colour: bool) -> Console:
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
    """Return what a console of :func:`make_console` has written, without blanks at the ends of lines and more than one blank line."""
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
    for section in document.sections:
        numbers = document.numbers(section)
        console.print()
        console.print(_text(section.title, "bold"), soft_wrap=False)
        _Rows(console, section.columns, numbers).print(section)
        _print_notes(console, numbers)
    if document.legend:
        console.print()
    for line in document.legend:
        console.print(_text(line, "dim"))


def _print_report(console: Console, document: Document) -> None:
    document = replace(document, sections=tuple(_with_reasons_as_notes(section) for section in document.sections))
    numbers: dict[str, int] = {}
    left_out: list[str] = []
    for section in document.sections:
        numbers = document.numbers(section)
        console.print()
        console.print(_text(section.title, "bold cyan"))
        left_out += _print_blocks(console, section, numbers)
    _print_notes(console, numbers)
    for line in (*document.legend, *([_left_out(left_out)] if left_out else [])):
        console.print(_text(line, "dim"))


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


class _Rows:
    """Prints the rows of a table's section in the first form that fits, from the complete to the compact.

    Args:
        console: where to.
        columns: of the section.
        numbers: of its notes.
    """

    def __init__(self, console: Console, columns: Sequence[Column], numbers: Mapping[str, int]) -> None:
        self._console, self._columns, self._numbers = console, columns, numbers

    def print(self, section: Section) -> None:
        """Print them."""
        columns, rows, indices = self._columns, section.rows, section.shown()
        if self._print_if_it_fits(self._upright(rows, indices)):
            return
        if len(rows) == 1:
            self._print_single(rows[0], indices)
            return
        rows = _shortened(columns, rows)
        constant = [i for i in indices if _is_constant(columns[i], [row.cells[i] for row in rows])]
        varying = [i for i in indices if i not in constant]
        fits = self._print_if_it_fits(self._upright(rows, varying))
        if not fits and (len(rows) <= _TURNED_ROWS or not self._print_narrowed(rows, varying)):
            self._print_turned(rows, indices)
        elif constant:
            same = ", ".join(f"{columns[i].title()} {rows[0].cells[i].text}" for i in constant)
            self._console.print(_text(f"the same in all rows: {same}", "dim"))

    def _print_if_it_fits(self, table: Table) -> bool:
        fits = _fits(self._console, table)
        if fits:
            self._console.print(table)
        return fits

    def _print_narrowed(self, rows: Sequence[Row], indices: Sequence[int]) -> bool:
        """Print the rows without the least important columns; return False where even the others do not fit."""
        for limit in sorted({self._columns[i].priority for i in indices} - {0}, reverse=True):
            kept = [i for i in indices if self._columns[i].priority < limit]
            if self._print_if_it_fits(self._upright(rows, kept)):
                self._console.print(_text(_left_out(self._columns[i].title() for i in indices if i not in kept), "dim"))
                return True
        return False

    def _print_turned(self, rows: Sequence[Row], indices: Sequence[int]) -> None:
        """Print a field in each line and a row in each column, as many at a time as fit."""
        rest = list(rows)
        while rest:
            size = next((n for n in range(len(rest), 1, -1) if _fits(self._console, self._turned(rest[:n], indices))), 1)
            self._console.print(self._turned(rest[:size], indices))
            rest = rest[size:]

    def _print_single(self, row: Row, indices: Sequence[int]) -> None:
        """Print one row: its fields, then a line for each metric."""
        qualities = [i for i in indices if self._columns[i].metric]
        self._console.print(self._turned([row], [i for i in indices if i not in qualities]))
        if not qualities:
            return
        table = _empty_table()
        parts = tuple(dict.fromkeys(column.heading for column in self._columns if column.metric))
        for heading in ("quality", *parts):
            table.add_column(heading, justify="left" if heading == "quality" else "right", overflow="fold")
        for title in dict.fromkeys(self._columns[i].metric_title() for i in qualities):
            cells = {self._columns[i].heading: self._cell(row.cells[i]) for i in qualities if self._columns[i].metric_title() == title}
            table.add_row(title, *(cells.get(part, "") for part in parts))
        self._console.print(table)

    def _upright(self, rows: Sequence[Row], indices: Sequence[int]) -> Table:
        table = _empty_table()
        for i in indices:
            column = self._columns[i]
            heading = f"{column.metric_title()}\n{column.heading}" if column.metric else column.heading
            table.add_column(heading, justify="right" if column.is_number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(self._cell(row.cells[i]) for i in indices))
        return table

    def _turned(self, rows: Sequence[Row], indices: Sequence[int]) -> Table:
        table = _empty_table(show_header=False)
        longest = max((len(self._columns[i].title()) for i in indices), default=0)
        table.add_column(style="bold", width=min(longest, max(self._console.width - _LEAST_VALUE, 1)), overflow="fold")
        for _ in rows:
            table.add_column(overflow="fold")
        for i in indices:
            table.add_row(self._columns[i].title(), *(self._cell(row.cells[i]) for row in rows))
        return table

    def _cell(self, cell: Cell) -> Text:
        return _lines([cell.text], cell, self._numbers)


def _is_constant(column: Column, cells: Sequence[Cell]) -> bool:
    """Return whether a column says one thing only, so that a line below the table can say it."""
    plain = column.kind in ("text", "number")
    return plain and len({cell.text for cell in cells}) == 1 and not any(cell.notes for cell in cells)


def _shortened(columns: Sequence[Column], rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows with short names, where those still tell them apart."""
    for i, column in enumerate(columns):
        short = [row.cells[i].short for row in rows if row.cells[i].short]
        if column.kind == "name" and len(set(short)) == len(short):
            names = (replace(row.cells[i], text=row.cells[i].short or row.cells[i].text) for row in rows)
            rows = tuple(replace(row, cells=(*row.cells[:i], name, *row.cells[i + 1 :])) for row, name in zip(rows, names, strict=True))
    return rows


def _with_reasons_as_notes(section: Section) -> Section:
    """Return a section in which the first cell refers to what a column of reasons says, and rows that say the same are one."""
    reasons = [i for i, column in enumerate(section.columns) if column.kind == "reason"]
    kept = [i for i in range(len(section.columns)) if i not in reasons]
    blocks: list[tuple[Row, ...]] = []
    for block in _blocks(section.rows):
        why = tuple(dict.fromkeys(row.cells[i].text for row in block for i in reasons if row.cells[i].text))
        cells = [[row.cells[i] for i in kept] for row in block]
        first = replace(cells[0][0], notes=(*cells[0][0].notes, *why))
        same = next((n for n, other in enumerate(blocks) if section.merges and _same(other, cells)), None)
        if same is None:
            blocks.append(tuple(Row((first, *line[1:]), is_joined=n > 0) for n, line in enumerate(cells)))
        else:
            blocks[same] = tuple(replace(row, cells=(_both(row.cells[0], first), *row.cells[1:])) for row in blocks[same])
    return replace(section, columns=tuple(section.columns[i] for i in kept), rows=tuple(row for block in blocks for row in block))


def _same(block: Sequence[Row], lines: Sequence[Sequence[Cell]]) -> bool:
    return [row.cells[1:] for row in block] == [tuple(line[1:]) for line in lines]


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


def _print_blocks(console: Console, section: Section, numbers: Mapping[str, int]) -> list[str]:
    """Print a section of a report without the columns that do not fit, and return the headings of those."""
    stacks = _stacks(section)
    kept = stacks
    while not _fits(console, _stacked(section, kept, numbers)):
        least = max(section.columns[stack[0]].priority for stack in kept)
        if least == 0:
            break
        kept = [stack for stack in kept if section.columns[stack[0]].priority < least]
    console.print(_stacked(section, kept, numbers))
    return [" ".join(section.columns[i].title() for i in stack) for stack in stacks if stack not in kept]


def _stacks(section: Section) -> list[list[int]]:
    """Return the columns that are shown, each with those that are written below it."""
    shown, stacks = section.shown(), list[list[int]]()
    for i, column in enumerate(section.columns):
        if column.is_below:
            stacks[-1].append(i)
        else:
            stacks.append([i])
    return [stack for stack in stacks if any(i in shown for i in stack)]


def _stacked(section: Section, stacks: Sequence[Sequence[int]], numbers: Mapping[str, int]) -> Table:
    table = _empty_table(gap=1)
    for stack in stacks:
        columns = [section.columns[i] for i in stack]
        table.add_column("\n".join(c.heading for c in columns), justify="right" if columns[0].is_number else "left", no_wrap=True)
    for block in _blocks(section.rows):
        name, *others = ([_in_lines(row, section.columns, stack, numbers) for row in block] for stack in stacks)
        heights = [max(map(len, lines)) for lines in zip(*others, strict=True)]
        table.add_row(_text("\n").join(name[0]), *(_text("\n").join(_padded(texts, heights)) for texts in others))
    return table


def _in_lines(row: Row, columns: Sequence[Column], stack: Sequence[int], numbers: Mapping[str, int]) -> list[Text]:
    """Return what a row has in some columns, one below the other."""
    lines = ([line for text in row.cells[i].text.split("\n") for line in _folded(text, columns[i])] for i in stack)
    return [text for i, texts in zip(stack, lines, strict=True) for text in _lines(texts, row.cells[i], numbers).split("\n")]


def _padded(texts: Sequence[Sequence[Text]], heights: Sequence[int]) -> Iterator[Text]:
    """Yield the lines of a block, with blank ones where another column's text goes on."""
    for lines, height in zip(texts, heights, strict=True):
        yield from lines
        yield from (height - len(lines)) * [_text(" ")]


def _folded(text: str, column: Column) -> tuple[str, ...]:
    return folded(text, column.width) if column.width else (text,)


def _lines(lines: Sequence[str], cell: Cell, numbers: Mapping[str, int]) -> Text:
    """Return a cell's text in lines, and the numbers of its notes; a missing value is a dash, never a gap."""
    text = _text("\n".join(lines) or "-", _STYLES[cell.tone] if cell.text else "dim")
    text.append(_marker([numbers[note] for note in cell.notes]), style="yellow")
    return text


def _empty_table(*, show_header: bool = True, gap: int = 2) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD if show_header else box.SIMPLE, show_header=show_header, padding=(0, 1, 0, gap - 1), pad_edge=False)


def _fits(console: Console, table: Table) -> bool:
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=_WIDEST), table).maximum <= console.width


def _print_notes(console: Console, numbers: Mapping[str, int]) -> None:
    for note, number in numbers.items():
        console.print(_text(f"{_marker([number])} {note}", "dim"))


def _left_out(headings: Iterator[str] | Sequence[str]) -> str:
    return f"left out at this width: {', '.join(dict.fromkeys(headings))}; a wider terminal shows all"


def _marker(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers)).translate(_SUPERSCRIPTS)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text("\n".join(map(clean, text.split("\n"))), style=style)

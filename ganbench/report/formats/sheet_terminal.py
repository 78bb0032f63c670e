"""A report for a terminal: a narrow one loses the least important columns, which are named below."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganbench.report.document import Block, Cell, Section, Sheet
from ganbench.report.formats.terminal import make_console
from ganbench.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_SUPERSCRIPTS = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")
_WIDEST = 10_000


def render_terminal(sheet: Sheet, *, width: int = 80, colour: bool = False) -> str:
    """Return a report as text that fits into ``width`` columns where that is possible at all."""
    console = make_console(width=width, colour=colour)
    for line in sheet.heading:
        console.print(_text(line, "bold"))
    left_out: list[str] = []
    for section in sheet.sections:
        console.print()
        console.print(_text(section.title, "bold cyan"))
        indices = _fitting(console, section)
        console.print(_table(section, indices))
        left_out += [_plain_heading(section.columns[i].heading) for i in section.shown() if i not in indices]
    for number, note in enumerate(sheet.notes, start=1):
        console.print(_text(f"{_marker((number,))} {note}", "dim"))
    legend = list(sheet.legend)
    if left_out:
        legend.append(
            f"left out at this width: {', '.join(dict.fromkeys(left_out))}; a wider terminal, --format markdown and --json have all"
        )
    for line in legend:
        console.print(_text(line, "dim"))
    file = console.file
    assert isinstance(file, io.StringIO)
    lines = "\n".join(line.rstrip() for line in file.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).lstrip("\n") + "\n"


def _fitting(console: Console, section: Section) -> tuple[int, ...]:
    """Return as many of the columns as fit."""
    kept = section.shown()
    while not _fits(console, _table(section, kept)):
        least = max(section.columns[i].priority for i in kept)
        if least == 0:
            break
        kept = tuple(i for i in kept if section.columns[i].priority < least)
    return kept


def _table(section: Section, indices: Sequence[int]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for i in indices:
        column = section.columns[i]
        table.add_column(column.heading, justify="right" if column.is_number else "left", no_wrap=True)
    for block in section.blocks:
        table.add_row(*(_name(block) if i == 0 else _stacked([line[i - 1] for line in block.lines]) for i in indices))
    return table


def _fits(console: Console, table: Table) -> bool:
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=_WIDEST), table).maximum <= console.width


def _name(block: Block) -> Text:
    text = _text("\n".join(block.name))
    text.append(_marker(block.notes), style="yellow")
    return text


def _stacked(cells: Sequence[Cell]) -> Text:
    """Return the cells of a column in one block, each on a line; a missing value is a dash, never a gap."""
    text = _text("")
    for number, cell in enumerate(cells):
        text.append("\n" if number else "")
        text.append(clean(cell.text) or "-", style="red" if cell.is_bad else "" if cell.text else "dim")
        text.append(_marker(cell.notes), style="yellow")
    return text


def _plain_heading(heading: str) -> str:
    return heading.replace("\n", " ")


def _marker(notes: Sequence[int]) -> str:
    return ",".join(map(str, notes)).translate(_SUPERSCRIPTS)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)

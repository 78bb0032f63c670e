"""A table for a terminal of any width.

What fits is one table. What does not is turned: a row or a few become columns of a list of fields; many keep their rows and lose the least
important columns, which are named below.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ganbench.report.run_columns import SPEED_COLUMNS
from ganbench.report.table_model import Cell, Column, Group, Row, Table, metric_with_arrow, unit_heading, worst_status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

_TURNED_ROWS = 3
_SUPERSCRIPTS = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")
_STATUS_STYLES = {"complete": "green", "running": "cyan", "collapsed": "yellow", "interrupted": "yellow"}
_WIDEST = 10_000


def render_terminal(table: Table, *, width: int = 80, colour: bool = False) -> str:
    """Return a table as text that fits into ``width`` columns where that is possible at all.

    Args:
        table: what to show.
        width: columns of the terminal.
        colour: whether to use its colours.
    """
    console = make_console(width=width, colour=colour)
    for number, group in enumerate(table.groups):
        if number:
            console.print()
        console.print(_text(group.machine, "bold"), soft_wrap=False)
        _print_group(console, table, group)
        for note, text in enumerate(group.notes, start=1):
            console.print(_text(f"{_marker((note,))} {text}", "dim"))
    if table.notes:
        console.print()
    for text in table.notes:
        console.print(_text(text, "dim"))
    file = console.file
    assert isinstance(file, io.StringIO)
    lines = "\n".join(line.rstrip() for line in file.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n"


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


def _print_group(console: Console, table: Table, group: Group) -> None:
    """Print a group in the first form that fits, from the complete to the compact."""
    columns, rows, indices = table.columns, group.rows, table.text_columns(group)
    if _print_if_it_fits(console, columns, rows, indices):
        return
    if len(rows) == 1:
        _print_single(console, columns, rows[0], indices)
        return
    rows = _with_short_ids(columns, rows)
    constant = [i for i in indices if _is_constant(columns[i], [row.cells[i] for row in rows])]
    varying = [i for i in indices if i not in constant]
    fits = _print_if_it_fits(console, columns, rows, varying)
    if not fits and (len(rows) <= _TURNED_ROWS or not _print_narrowed(console, columns, rows, varying)):
        _print_turned(console, columns, rows, indices)
    elif constant:
        same = ", ".join(f"{unit_heading(columns[i])} {rows[0].cells[i].text}" for i in constant)
        console.print(_text(f"the same in all rows: {same}", "dim"))


def _print_if_it_fits(console: Console, columns: Sequence[Column], rows: Sequence[Row], indices: Sequence[int]) -> bool:
    table = _horizontal(columns, rows, indices)
    fits = _fits(console, table)
    if fits:
        console.print(table)
    return fits


def _print_narrowed(console: Console, columns: Sequence[Column], rows: Sequence[Row], indices: Sequence[int]) -> bool:
    """Print the rows without the least important columns; return False where even the others do not fit."""
    for limit in sorted({columns[i].priority for i in indices} - {0}, reverse=True):
        kept = [i for i in indices if columns[i].priority < limit]
        if _print_if_it_fits(console, columns, rows, kept):
            hidden = ", ".join(unit_heading(columns[i]) for i in indices if i not in kept)
            console.print(_text(f"left out at this width: {hidden}; a wider terminal or --format csv shows all", "dim"))
            return True
    return False


def _is_constant(column: Column, cells: Sequence[Cell]) -> bool:
    """Return whether a column says one thing only, so that a line below the table can say it."""
    plain = not column.metric and column.id not in ("run", "status", *SPEED_COLUMNS)
    return plain and len({cell.text for cell in cells}) == 1 and not any(cell.notes for cell in cells)


def _with_short_ids(columns: Sequence[Column], rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows with run ids cut to their date and time where that tells them apart; `ganbench show` takes them like that."""
    short = [row.run_id if row.runs else "-".join(row.run_id.split("-")[:2]) for row in rows]
    single = [text for row, text in zip(rows, short, strict=True) if not row.runs]
    if len(set(single)) < len(single):
        return rows
    where = next(i for i, column in enumerate(columns) if column.id == "run")
    texts = [replace(row.cells[where], text=text) for row, text in zip(rows, short, strict=True)]
    return tuple(replace(row, cells=(*row.cells[:where], cell, *row.cells[where + 1 :])) for row, cell in zip(rows, texts, strict=True))


def _print_turned(console: Console, columns: Sequence[Column], rows: Sequence[Row], indices: Sequence[int]) -> None:
    """Print a field in each line and a run in each column, as many runs at a time as fit."""
    rest = list(rows)
    while rest:
        size = next((n for n in range(len(rest), 1, -1) if _fits(console, _turned(columns, rest[:n], indices))), 1)
        console.print(_turned(columns, rest[:size], indices))
        rest = rest[size:]


def _print_single(console: Console, columns: Sequence[Column], row: Row, indices: Sequence[int]) -> None:
    """Print one run: its fields, then a line for each metric."""
    console.print(_turned(columns, [row], [i for i in indices if not columns[i].metric]))
    metrics = [i for i in indices if columns[i].metric]
    if not metrics:
        return
    table = _empty_table()
    for heading in ("quality", "best", "final", "floor"):
        table.add_column(heading, justify="left" if heading == "quality" else "right", overflow="fold")
    for ours in dict.fromkeys((columns[i].metric, columns[i].evaluation_key) for i in metrics):
        of_metric = [i for i in metrics if (columns[i].metric, columns[i].evaluation_key) == ours]
        parts = {columns[i].part: _cell(columns[i], row.cells[i]) for i in of_metric}
        table.add_row(metric_with_arrow(columns[of_metric[0]]), *(parts.get(part, "") for part in ("best", "final", "floor")))
    console.print(table)


def _horizontal(columns: Sequence[Column], rows: Sequence[Row], indices: Sequence[int]) -> RichTable:
    table = _empty_table()
    for i in indices:
        column = columns[i]
        heading = f"{metric_with_arrow(column)}\n{column.heading}" if column.metric else column.heading
        table.add_column(heading, justify="right" if column.is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(columns[i], row.cells[i]) for i in indices))
    return table


def _turned(columns: Sequence[Column], rows: Sequence[Row], indices: Sequence[int]) -> RichTable:
    table = _empty_table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    for _ in rows:
        table.add_column(overflow="fold")
    for i in indices:
        table.add_row(unit_heading(columns[i]), *(_cell(columns[i], row.cells[i]) for row in rows))
    return table


def _empty_table(*, show_header: bool = True) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    return RichTable(box=box.SIMPLE_HEAD if show_header else box.SIMPLE, show_header=show_header, padding=(0, 1), pad_edge=False)


def _fits(console: Console, table: RichTable) -> bool:
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=_WIDEST), table).maximum <= console.width


def _cell(column: Column, cell: Cell) -> Text:
    """Return a cell; a missing value is a dash, never a gap."""
    style = _STATUS_STYLES.get(worst_status(cell.text), "red") if column.id == "status" else ""
    text = _text(cell.text or "-", style if cell.text else "dim")
    if cell.notes:
        text.append(_marker(cell.notes), style="yellow")
    return text


def _marker(notes: Sequence[int]) -> str:
    return ",".join(map(str, notes)).translate(_SUPERSCRIPTS)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)

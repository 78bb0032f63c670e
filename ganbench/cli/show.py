"""``ganbench show``: everything that is known of one run."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganbench.cli.completion import run_ids

if TYPE_CHECKING:
    from rich.console import Console

    from ganbench.report.one_run import Section


@click.command("show")
@click.argument("run", default="", shell_complete=run_ids)
@click.option("--json", "as_json", is_flag=True, help="Print the record itself.")
def command(run: str, as_json: bool) -> None:
    """Show everything that is known of one run.

    RUN is a run folder, a record file or a run id (its beginning is enough); the newest below ./results/runs where none is given.
    """
    from ganbench.record.find import find_run, load_run
    from ganbench.record.serialise import to_json
    from ganbench.report.one_run import summarise
    from ganbench.report.stream import has_colour, print_text, stream_width

    path = find_run(run)
    record = load_run(path)
    if as_json:
        print_text(to_json(record), sys.stdout)
        return
    sections = [*summarise(record), *_files(path)]
    print_text(_render(sections, width=stream_width(), colour=has_colour(sys.stdout)), sys.stdout)


def _files(path: Path) -> list[Section]:
    """Return where the run's files are."""
    from ganbench.record.directory import RunDirectory
    from ganbench.report.one_run import Section
    from ganbench.text import clean

    run = RunDirectory(path)
    about = (
        (run.config_path, "`ganbench run --config` with it repeats the run"),
        (run.record_path, "the record"),
        (run.partial_record_path, "the record so far; `ganbench run --resume` with the folder continues the run"),
        (run.curves_path, "losses and metrics"),
        (run.progress_path, "the same latents over training"),
        (run.samples_path, "sample grids"),
        (run.checkpoints_path, "states to resume from"),
        (run.events_path, "every measured number"),
        (run.log_path, "the log"),
    )
    rows = tuple((clean(file.name), text) for file, text in about if file.exists())
    return [Section(title=f"files in {clean(str(path))}", rows=rows)] if rows else []


def _render(sections: Sequence[Section], *, width: int, colour: bool) -> str:
    from rich.text import Text

    from ganbench.report.formats.terminal import make_console

    console = make_console(width=width, colour=colour)
    for number, section in enumerate(sections):
        if number:
            console.print()
        console.print(Text(section.title, style="bold cyan"))
        _print_rows(console, section)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _print_rows(console: Console, section: Section) -> None:
    """Print a section as a grid: fields with their values, or columns under headings."""
    from rich.table import Table
    from rich.text import Text

    columns = max(len(row) for row in section.rows)
    grid = Table(box=None, show_header=bool(section.headings), padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("", width=1)
    for i in range(columns):
        heading = section.headings[i] if section.headings else ""
        grid.add_column(Text(heading), style="dim" if i == 0 and columns > 1 and not heading else "", overflow="fold")
    for row in section.rows:
        grid.add_row("", *(Text(cell) for cell in row))
    console.print(grid)

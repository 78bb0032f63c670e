"""``ganbench table``: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganbench.cli.completion import complete_columns, complete_runs
from ganbench.cli.options import COLUMN_OPTIONS, add_options, shaped

_FORMATS = ("terminal", "markdown", "csv", "json", "html", "latex")


@click.command("table")
@click.argument("runs", nargs=-1, shell_complete=complete_runs)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Default: terminal, or what FILE's name ends in.")
@click.option("--runs", "each", is_flag=True, help="One row for each run, instead of means over seeds.")
@click.option(
    "--sort",
    "column",
    metavar="COLUMN",
    shell_complete=complete_columns,
    help="Best first by a column: fd5k_digits, fd5k_digits.best, images/s.",
)
@add_options(COLUMN_OPTIONS)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file instead.")
def command(runs: tuple[str, ...], form: str | None, each: bool, column: str | None, out: Path | None, **shape: Any) -> None:
    """Compare runs in one table: mean and 95 % interval over seeds.

    RUNS are run folders, folders of runs, globs, record files or run ids (their beginning is enough); all below ./results/runs where
    none is given.

    A row is called what it is: its model, and what tells it from the others. --columns id shows ids. What all rows share stands above them,
    and columns that do not fit are left out.

    Runs that differ in their seed only are one row. A single run shows its values, without an interval. A seed that diverged or failed is
    not in the mean, and is counted and named.

    Rows are grouped by machine, because speeds compare only there. Values that were measured in different ways are never in one column.
    Without --sort, rows stand by dataset, name and seed, and their order ranks nothing. A run that cannot be read is a row with the reason.
    """
    from ganbench.report.formats import SUFFIXES, render
    from ganbench.report.runs import table
    from ganbench.report.stream import print_document, stream_width

    document = shaped(table(*runs, each=each, sort=column), shape)
    form = form or (SUFFIXES.get(out.suffix.lower(), "terminal") if out else "terminal")
    if out is None:
        print_document(document, form)
    else:
        from ganbench.record.files import write_output

        write_output(out, render(document, form, width=stream_width()), f"-o {out}")

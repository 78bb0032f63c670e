"""``ganbench report``: from paths to one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from ganbench import NumberRange, complete_runs, say


@click.command("report")
@click.argument("paths", nargs=-1, shell_complete=complete_runs)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    default=Path("report.html"),
    show_default=True,
    help="Where to write it.",
)
@click.option("--title", default="", help="What the page is called. [default: from the folders]")
@click.option(
    "--pictures", type=click.IntRange(0), default=12, show_default=True, help="Moments of training shown of each run; 0 for none."
)
@click.option(
    "--pictures-mib",
    type=NumberRange(0),
    default=20.0,
    show_default=True,
    help="What all pictures may take; above it moments are left out.",
)
def command(paths: tuple[str, ...], out: Path, title: str, pictures: int, pictures_mib: float) -> None:
    """Write runs, curves, samples and verdicts as one page to look at.

    PATHS are run folders, folders of runs, globs, record files, run ids, and verdicts (the files of `-o json=PATH`); all runs below
    ./results/runs where none is given.

    \b
    ganbench report results/leaderboard -o report.html
    ganbench report results/runs verdict.json

    The page is one file. It opens by a double click, works without a network, and fetches nothing. Its tables have the numbers of `ganbench
    table`. The address keeps what you look at, so that a view can be cited.
    """
    from ganbench import write_output
    from ganbench_report.content import make_content
    from ganbench_report.inputs import read_inputs
    from ganbench_report.page import render_page

    inputs = read_inputs(paths)
    for item in inputs.unreadable:
        say(f"ganbench: {' '.join(item.reason.split())}")
    content = make_content(inputs, title=title, moments=pictures, picture_bytes=int(pictures_mib * 2**20))
    page = render_page(content)
    write_output(out, page, f"-o {out}")
    parts = [f"{len(inputs.runs)} run{'' if len(inputs.runs) == 1 else 's'}"]
    parts += [f"{len(inputs.verdicts)} verdict{'' if len(inputs.verdicts) == 1 else 's'}"] if inputs.verdicts else []
    say(f"{out}: {' and '.join(parts)}, {len(page) / 1e6:.1f} MB")

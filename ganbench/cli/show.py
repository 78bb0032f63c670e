"""``ganbench show``: everything that is known of one run."""

from __future__ import annotations

import sys

import click

from ganbench.cli.completion import complete_runs


@click.command("show")
@click.argument("run", default="", shell_complete=complete_runs)
@click.option("--json", "as_json", is_flag=True, help="Print the record itself.")
def command(run: str, as_json: bool) -> None:
    """Show everything that is known of one run.

    RUN is a run folder, a record file or a run id (its beginning is enough); the newest below ./results/runs where none is given.
    """
    from ganbench.record.find import find_run, load_run
    from ganbench.record.serialise import to_json
    from ganbench.report.one_run import run_document
    from ganbench.report.stream import print_document, print_text

    path = find_run(run)
    record = load_run(path)
    if as_json:
        print_text(to_json(record), sys.stdout)
        return
    print_document(run_document(record, path))

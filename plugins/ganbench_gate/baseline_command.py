"""``ganbench baseline``: named sets of runs to compare with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ganbench import UsageError, complete_runs, say

_history = click.option(
    "--history", type=click.Path(path_type=Path), default=".ganbench", show_default=True, metavar="DIR", help="Directory of the history."
)


@click.group("baseline")
def command() -> None:
    """Keep named sets of runs to compare with.

    \b
    ganbench baseline set main results/runs/*
    ganbench compare baseline:main results/runs/RUN

    A baseline is one file in the directory of a history, DIR/baselines/NAME.json, and holds copies of the records.
    """


@command.command("set")
@click.argument("name")
@click.argument("runs", nargs=-1, required=True, shell_complete=complete_runs)
@_history
def _set_command(name: str, runs: tuple[str, ...], history: Path) -> None:
    """Make NAME the set of these runs, in the place of what it was.

    RUNS are run folders, folders of runs, globs, record files or run ids (their beginning is enough). Each must be finished.
    """
    from datetime import datetime, timezone

    from ganbench import current_commit, finished_records, write_baseline

    records = finished_records(runs)
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    path = write_baseline(name, history, records, created=created, commit=current_commit())
    click.echo(f"baseline {name}: {_runs(len(records))} in {path}")


@command.command("list")
@_history
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def _list_command(history: Path, as_json: bool) -> None:
    """List all baselines."""
    import json

    from ganbench import baseline_names, clean, print_text, read_baseline

    found = []
    for name in baseline_names(history):
        try:
            found.append(read_baseline(name, history))
        except UsageError as error:
            say(f"ganbench: {error}")
    if as_json:
        rows = [
            {"name": b.name, "created": b.created, "commit": b.commit, "runs": [r.run_id for r in b.records], "num_damaged": len(b.damaged)}
            for b in found
        ]
        print_text(json.dumps(rows, indent=2) + "\n", sys.stdout)
        return
    if not found:
        say(f"ganbench: no baseline in {history}; `ganbench baseline set NAME RUN...` makes one")
    width = max((len(b.name) for b in found), default=0)
    for b in found:
        damaged = f", {len(b.damaged)} damaged" if b.damaged else ""
        what = ", ".join(dict.fromkeys(f"{r.name} {r.dataset}" for r in b.records))
        text = f"{b.name:<{width}}  {_runs(len(b.records))}{damaged} of {what or 'nothing'}, set {b.created[:10]} at {b.commit}"
        print_text(clean(text) + "\n", sys.stdout)


@command.command("show")
@click.argument("name")
@_history
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def _show_command(name: str, history: Path, as_json: bool) -> None:
    """Show the runs of a baseline in a table."""
    from ganbench import make_table, print_document, read_baseline

    baseline = read_baseline(name, history)
    for reason in baseline.damaged:
        say(f"ganbench: {reason}")
    if not baseline.records:
        raise UsageError(f"baseline {name} has no record that can be read", hint="set it again with `ganbench baseline set`")
    print_document(make_table(baseline.records), "json" if as_json else "terminal")


@command.command("remove")
@click.argument("name")
@_history
def _remove_command(name: str, history: Path) -> None:
    """Delete a baseline; the runs that it was made of are left alone."""
    from ganbench import remove_baseline

    remove_baseline(name, history)
    click.echo(f"baseline {name} is removed")


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"

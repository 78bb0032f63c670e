"""``ganbench trend``: steps in the series of a history."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganbench import NothingToCompare, UsageError, complete_runs, did_you_mean, say

if TYPE_CHECKING:
    from ganbench_gate.history import History


@click.command("trend")
@click.argument("history", metavar="[DIR]", default=".ganbench", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this one, as in samples_per_second; may be repeated.")
@click.option("--newest", type=click.IntRange(1), default=20, show_default=True, help="How many commits are the newest part of a series.")
@click.option("--accept", type=click.Path(path_type=Path), metavar="FILE", help="Intended changes. [default: DIR/accept.toml]")
@click.option("--add", "runs", multiple=True, metavar="RUN", shell_complete=complete_runs, help="Put these runs into the history first.")
@click.option("--commit", metavar="SHA", help="What the added runs were made from. [default: what lies checked out here]")
@click.option(
    "-o", "outputs", multiple=True, metavar="html=PATH", help="Write one page with a plot of each series and its steps marked too."
)
@click.option("--json", "as_json", is_flag=True, help="Print all series and steps as JSON.")
def command(
    history: Path,
    metrics: tuple[str, ...],
    newest: int,
    accept: Path | None,
    runs: tuple[str, ...],
    commit: str | None,
    outputs: tuple[str, ...],
    as_json: bool,
) -> int:
    """Find steps in the speed and the quality of a history of runs.

    DIR is the directory of a history; ./.ganbench where none is given.

    \b
    ganbench trend .ganbench --add results/runs/RUN     after each nightly run
    ganbench trend --metric samples_per_second
    ganbench trend -o html=trend.html

    A series is one metric of one thing that was run, on one machine; a point is one commit. A step needs 3 points on either side, 12 in
    all, and a change past the metric's threshold; counts, which have no noise, need 2. A step lies in the newest part if its first commit
    is one of the newest 20 of its series.

    An intended change is an entry [[accept]] of the TOML or JSON file, with metric, cell, from, to and reason.

    Exit codes: 0 no step for the worse in the newest part, or each is accepted or undone; 1 there is one; 5 nothing to look at.
    """
    from ganbench import print_document, print_text, to_json, write_text
    from ganbench_gate.accept import accepts_of, read_accepts
    from ganbench_gate.history import add_runs
    from ganbench_gate.series import series_of
    from ganbench_gate.trend import follow
    from ganbench_gate.trend_document import trend_document
    from ganbench_gate.trend_page import trend_page

    pages = _pages(outputs)
    accepts = accepts_of(history) if accept is None else read_accepts(accept)
    if commit is not None and not runs:
        raise UsageError("--commit has a meaning only with --add", hint="leave it out")
    for reason in add_runs(history, runs, commit) if runs else ():
        _warn(reason)
    series = series_of(_read(history).entries)
    _refuse_unknown(metrics, sorted({one.rule.name for one in series}))
    trend = follow(series, accepts, history=str(history), newest=newest, metrics=metrics)
    for path in pages:
        write_text(path, trend_page(trend))
    if as_json:
        print_text(to_json(trend), sys.stdout)
    else:
        print_document(trend_document(trend))
    return trend.exit_code


def _pages(outputs: Sequence[str]) -> list[Path]:
    """Return where pages are written, before anything is read.

    Raises:
        UsageError: another kind is asked for, or there is no such folder.
    """
    paths = []
    for output in outputs:
        kind, _, path = output.partition("=")
        if kind != "html" or not path:
            raise UsageError(f"-o {output}: a trend is written as html=PATH", hint="--json prints it for programs")
        if os.path.isdir(path) or not os.path.isdir(Path(path).parent):
            raise UsageError(
                f"-o {output}: {'a folder is there' if os.path.isdir(path) else 'there is no such folder'}", hint="name a file"
            )
        paths.append(Path(path))
    return paths


def _read(history: Path) -> History:
    """Return what a history holds, and warn of what is damaged.

    Raises:
        UsageError: nothing of it can be read.
        NothingToCompare: it holds no record.
    """
    from ganbench_gate.history import DEFAULT_HISTORY, read_history

    if not os.path.exists(history) and history != DEFAULT_HISTORY:
        raise UsageError(f"no such folder: {history}", hint="`ganbench trend DIR --add RUN` makes it")
    found = read_history(history)
    if found.damaged and not found.entries:
        raise UsageError(f"no record of {history} can be read: {found.damaged[0].reason}")
    for item in found.damaged:
        _warn(item.reason)
    if not found.entries:
        raise NothingToCompare(f"no record in {history}", hint="`ganbench trend DIR --add RUN` adds runs")
    return found


def _refuse_unknown(metrics: Sequence[str], known: list[str]) -> None:
    for name in metrics:
        if name not in known:
            raise UsageError(f"no metric {name!r} in this history", hint=did_you_mean(name, known))


def _warn(text: str) -> None:
    """Print a warning as one line on stderr."""
    say(f"ganbench: {' '.join(text.split())}")

"""``ganbench compare``: a verdict on stored runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ganbench.cli.completion import complete_runs
from ganbench.cli.options import add_options
from ganbench.cli.verdict import OUTPUT_OPTIONS, POLICY_OPTIONS, deliver, outputs_of, policy_of
from ganbench.errors import UsageError

_QUALITY = ("final", "best")


@click.command("compare")
@click.argument("sides", nargs=-1, metavar="[BASE HEAD]", shell_complete=complete_runs)
@click.option("--base", "bases", multiple=True, metavar="RUN", shell_complete=complete_runs, help="One more run of base.")
@click.option("--head", "heads", multiple=True, metavar="RUN", shell_complete=complete_runs, help="One more run of head.")
@click.option("--quality", type=click.Choice(_QUALITY), default="final", show_default=True, help="Which value of a run is its quality.")
@click.option("--history", type=click.Path(path_type=Path), default=".ganbench", show_default=True, metavar="DIR", help="Of the baselines.")
@add_options((*POLICY_OPTIONS, *OUTPUT_OPTIONS))
def command(sides: tuple[str, ...], bases: tuple[str, ...], heads: tuple[str, ...], **flags: Any) -> int:
    """Compare HEAD with BASE: what regressed, improved, is unchanged or cannot be decided, with an interval.

    BASE and HEAD are runs (folder, id or its beginning), folders of runs, baseline:NAME, several of them with commas between, or JSON files
    of pytest-benchmark. The runs of a side that differ in their seed only are replicates; a single run on a side decides what has no noise.

    \b
    ganbench compare results/main results/branch
    ganbench compare --base runs/a --base runs/b --head runs/c
    ganbench compare baseline:main results/runs/RUN
    ganbench compare main branch -o junit=verdict.xml -o markdown=verdict.md
    ganbench compare main branch --threshold throughput=15% --gate memory=warn

    \b
    KIND of -o is one of
    terminal, json, markdown, junit, csv
    github-benchmark   for github-action-benchmark, PATH-bigger and PATH-smaller
    pytest-benchmark   for pytest-benchmark compare, PATH-base and PATH-head
    A tier is one of deterministic, memory, throughput, quality, time-to-quality.

    Exit codes: 0 no gated metric regressed, 1 one did or is missing, 2 usage, 4 nothing is comparable, 5 nothing to compare. In a GitHub
    workflow the verdict is added to the step's summary.
    """
    from ganbench.verdict.sides import compare_sides, load_side

    base_names, head_names = _names(sides, bases, heads)
    policy = policy_of(flags, quality=flags["quality"])
    outputs_of(flags)
    history = flags.pop("history")
    base, head = load_side("base", base_names, history), load_side("head", head_names, history)
    return deliver(compare_sides(base, head, policy), flags)


def _names(sides: Sequence[str], bases: Sequence[str], heads: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return what base and head are called, however they were given.

    Raises:
        UsageError: a side is missing, given twice, or there are more than two.
    """
    if sides and (bases or heads):
        raise UsageError(f"give BASE and HEAD, or --base and --head (got {sides[0]!r} too)", hint="several runs have commas between")
    if len(sides) > 2:
        raise UsageError(f"two sides are compared (got {len(sides)})", hint="put commas between the runs of one side")
    if sides:
        bases, heads = sides[:1], sides[1:]
    for which, names in (("base", bases), ("head", heads)):
        if not names:
            raise UsageError(f"{which} is missing", hint="give BASE and HEAD, or --base and --head")
    return bases, heads

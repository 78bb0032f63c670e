"""Runs, curves, samples and verdicts as a page: ``ganbench report`` writes one that stays, ``ganbench watch`` serves one that lives."""

from __future__ import annotations

from ganbench import CommandSpec, hookimpl


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the commands."""
    return [
        CommandSpec(
            name="report",
            summary="Write runs, curves, samples and verdicts as one page to look at.",
            factory="ganbench_report.command:command",
        ),
        CommandSpec(
            name="watch",
            summary="Show a run or a matrix in a browser while it trains.",
            factory="ganbench_report.watch:command",
        ),
    ]

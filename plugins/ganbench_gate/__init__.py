"""The gate of a change: ``ab`` and ``ci`` measure two sides here and now, ``trend`` and ``baseline`` keep a history of runs."""

from __future__ import annotations

from ganbench import CommandSpec, hookimpl


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the commands."""
    return [
        CommandSpec(
            name="baseline",
            summary="Keep named sets of runs to compare with.",
            factory="ganbench_gate.baseline_command:command",
        ),
        CommandSpec(
            name="ab",
            summary="Compare the speed of two versions or configurations in lock-step, here and now.",
            factory="ganbench_gate.ab:command",
        ),
        CommandSpec(
            name="ci",
            summary="Gate a change in continuous integration: speed, counts, metrics and, where wanted, quality.",
            factory="ganbench_gate.ci:command",
        ),
        CommandSpec(
            name="trend",
            summary="Find steps in the speed and quality of a history of runs.",
            factory="ganbench_gate.trend_command:command",
        ),
    ]

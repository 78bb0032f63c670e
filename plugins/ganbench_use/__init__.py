"""What users have already, measured, sampled, exported and tidied: ``ganbench evaluate``, ``sample``, ``export``, ``runs``."""

from __future__ import annotations

from ganbench import CommandSpec, hookimpl


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the commands."""
    return [
        CommandSpec(
            name="evaluate",
            summary="Measure samples, a checkpoint or a generator by the standard protocol, without training.",
            factory="ganbench_use.evaluate:command",
        ),
        CommandSpec(
            name="sample",
            summary="Write samples of a run: at random, by class, between latents.",
            factory="ganbench_use.sample:command",
        ),
        CommandSpec(
            name="export",
            summary="Write a run's generator for other programs: weights, torch.export, ONNX.",
            factory="ganbench_use.export:command",
        ),
        CommandSpec(
            name="runs",
            summary="List runs, remove some, or thin them out.",
            factory="ganbench_use.runs:command",
        ),
    ]

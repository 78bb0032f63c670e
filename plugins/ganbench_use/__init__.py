"""What users have already, measured, sampled, exported and tidied: ``ganbench evaluate``, ``sample``, ``export``, ``runs``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench import CommandSpec, PluginSpec, hookimpl


@dataclass(frozen=True, kw_only=True, slots=True)
class LoaderSpec(PluginSpec):
    """Weights of somebody else's as a generator.

    ``factory(options, context: ganbench.BuildContext, weights: Mapping[str, torch.Tensor]) -> ganbench.Networks``.
    """

    kind: ClassVar[str] = "loader"
    kit: ClassVar[str] = "ganbench_use.kit"

    example: str = ""
    """``"package.module:attribute"`` of a function that returns a ``ganbench.BuildContext`` and small random weights in the layout, for
    ``ganbench plugins check``; empty for none."""

    def use(self, name: str) -> str:
        """Return the command that measures such weights."""
        return f"ganbench evaluate FILE --loader {name}"


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

"""``ganbench reproduce``: published experiments run again: the seam for the plugins that hold them, the driver, record and table."""

from __future__ import annotations

from typing import ClassVar

from ganbench import CommandSpec, PluginSpec, hookimpl


class ReproductionSpec(PluginSpec):
    """A published experiment with its published figures. ``factory(options) -> ganbench_reproduce.experiment.Experiment``."""

    __slots__ = ()
    kind: ClassVar[str] = "reproduction"
    kit: ClassVar[str] = "ganbench_reproduce.kit"

    def use(self, name: str) -> str:
        """Return the command that runs it."""
        return f"ganbench reproduce {name}"


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the command."""
    return [
        CommandSpec(
            name="reproduce",
            summary="Run a published experiment by its protocol, and print published beside measured.",
            factory="ganbench_reproduce.command:command",
        )
    ]

"""``ganbench reproduce``: published experiments run again: the seam for the plugins that hold them, the driver, record and table."""

from __future__ import annotations

from ganbench.plugin import hookimpl
from ganbench.spec import CommandSpec


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

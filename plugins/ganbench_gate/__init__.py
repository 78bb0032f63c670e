"""The gate of a change: ``ab`` and ``ci`` measure two sides here and now, ``trend`` finds steps in a history of runs."""

from __future__ import annotations

from ganbench import CommandSpec, hookimpl


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the commands."""
    return []

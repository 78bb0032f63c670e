"""``ganbench bench``: each op and the whole step beside plain PyTorch and ``torch.compile``, interleaved, after a check of their values."""

from __future__ import annotations

from ganbench import CommandSpec, hookimpl


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the command."""
    return [
        CommandSpec(
            name="bench",
            summary="Measure the speed of ops and training steps against plain PyTorch and torch.compile.",
            factory="ganbench_bench.command:command",
        )
    ]

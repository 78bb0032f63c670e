"""What the benchmarks of the training step train."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench_bench.step.published import RULES

UNCONDITIONAL = {"architecture.options.conditional": False, "loss.name": RULES["loss.name"]}
"""The networks and the loss of the published loop, whatever the defaults are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is trained, and for how many steps it is timed."""

    plugin: str
    settings: dict[str, object]
    blocks: int
    """Blocks of A B B A with one step in each quarter."""
    epoch_blocks: int
    """The same with an epoch in each quarter, for a loop with a DataLoader."""


CASES = {
    "digits-16": Case(
        plugin="dcgan",
        settings={"dataset.name": "digits", "training.batch_size": 64, **UNCONDITIONAL},
        blocks=120,
        epoch_blocks=10,
    ),
    "dcgan-64": Case(
        plugin="dcgan-64",
        settings={"dataset.name": "synthetic", "dataset.options.num_images": 512, **UNCONDITIONAL},
        blocks=12,
        epoch_blocks=3,
    ),
}

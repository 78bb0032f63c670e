"""The random streams of the seeds of a cell: weights, data, order and latents. Each seed draws from its own, whatever runs beside it.

As in fjxmlzn/PacGAN ``datasets.py``: 100 000 points are drawn once; each slot of the packs is filled from them with replacement, for a
packing of 1 too; the packs stay as they are and are shuffled for each epoch.

Everything is drawn on the CPU, so that a seed's numbers are the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganbench import stream
from ganbench_pacgan import PacGANOptions
from ganbench_toy.distributions import Modes, sample

NUM_REFRESHING = 50
"""Batches after each epoch that move the generator's averages (5000 points of the source's training monitor, by 100)."""
NUM_SCORED = 2500
"""Generated points that the scores are taken over, from latents that stay the same."""


class Streams:
    """The streams of all seeds.

    Args:
        cell: part of every seed's stream.
        seeds: S of them.
    """

    def __init__(self, cell: str, seeds: Sequence[int]) -> None:
        self._cell, self._seeds = cell, tuple(seeds)
        self.generators = [stream(seed, f"pacgan/{cell}") for seed in seeds]

    def packs(self, modes: Modes, packing: int, num_samples: int) -> Tensor:
        """Draw the training packs ``[S, num_samples, 2 m]``."""
        return torch.stack([_packs(modes, packing, num_samples, generator) for generator in self.generators])

    def epoch(self, packing: int, options: PacGANOptions) -> tuple[Tensor, Tensor]:
        """Draw the order ``[S, num_samples]`` and the latents ``[steps + 50, S, m, B, 2]`` of an epoch."""
        steps = options.num_samples // options.batch_size
        shape = (steps + NUM_REFRESHING, packing, options.batch_size, 2)
        orders, latents = [], []
        for generator in self.generators:
            orders.append(torch.randperm(options.num_samples, generator=generator))
            latents.append(torch.randn(shape, generator=generator))
        return torch.stack(orders), torch.stack(latents, dim=1)

    def scored_latents(self) -> Tensor:
        """Return ``[S, 1, 2500, 2]``, the same at every call."""
        own = [stream(seed, f"pacgan/{self._cell}/scores") for seed in self._seeds]
        return torch.stack([torch.randn(1, NUM_SCORED, 2, generator=generator) for generator in own])

    def state(self) -> Tensor:
        """Return where each stream stands, ``[S, bytes]`` uint8."""
        return torch.stack([generator.get_state() for generator in self.generators])

    def set_state(self, state: Tensor) -> None:
        """Take back what :meth:`state` returned."""
        for generator, own in zip(self.generators, state, strict=True):
            generator.set_state(own.clone())


def _packs(modes: Modes, packing: int, num_samples: int, generator: torch.Generator) -> Tensor:
    points = sample(modes, num_samples, generator)
    chosen = torch.randint(num_samples, (packing, num_samples), generator=generator)
    return points[chosen].transpose(0, 1).reshape(num_samples, 2 * packing)

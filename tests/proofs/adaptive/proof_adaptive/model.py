"""Shifts to the right by an eighth of the width, of a share of the samples that a buffer holds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganbench import Augmentation, BuildContext
from proof_adaptive import AdaptiveOptions


class Adaptive(Augmentation):
    """Stronger while the discriminator is too sure of real samples, weaker while it is not."""

    strength: Tensor

    def __init__(self, options: AdaptiveOptions, context: BuildContext) -> None:
        super().__init__()
        self.target, self.speed = options.target, 1 / (1000 * options.speed_kimg)
        self.shift = context.space.size[-1] // 8
        self.register_buffer("strength", torch.zeros(()))

    def forward(self, samples: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return samples, a share of them shifted."""
        chosen = uniform(len(samples)) < self.strength
        return torch.where(chosen.reshape(-1, *[1] * (samples.ndim - 1)), samples.roll(self.shift, -1), samples)

    @torch.no_grad()
    def observe(self, real_logits: Tensor) -> None:
        """Move the strength one step."""
        gap = real_logits.sign().mean() - self.target
        self.strength.add_(gap.sign() * len(real_logits) * self.speed).clamp_(0, 1)

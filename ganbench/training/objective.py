"""What a loss plugin's factory returns: two scalar losses, penalties on the discriminator, and a bound on its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

Discriminate = Callable[[Tensor], Tensor]
"""The discriminator with its labels filled in: images ``[N, C, H, W]`` to logits ``[N, ...]``."""


class Penalty(Protocol):
    """A differentiable term added to the discriminator's loss."""

    name: str
    needs_independent_samples: bool
    """Whether it takes gradients by sample: then the discriminator must not have batch statistics."""

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty, a scalar that requires grad.

        Args:
            discriminate: the discriminator.
            real: ``[N, C, H, W]`` in [-1, 1].
            fake: the same shape, detached.
            uniform: draws ``[n]`` numbers in [0, 1) from the run's own stream.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """An adversarial objective; both losses are means over the batch, in float32."""

    discriminator_loss: Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]
    """(real_logits, fake_logits) to a scalar, or to a pair of it and the statistics ``[5]`` of the logits: mean real, mean fake, mean sign
    of real, mean absolute real, mean absolute fake logit, detached. :func:`ganbench_kernels.gan_loss` returns such a pair; of a loss that
    is only a scalar the trainer computes the statistics itself."""
    generator_loss: Callable[[Tensor], Tensor]
    """fake_logits to a scalar."""
    penalties: tuple[Penalty, ...] = ()
    weight_clip: float = 0.0
    """Clamp the discriminator's parameters to [-c, c] before each of its updates; 0 for no clipping."""

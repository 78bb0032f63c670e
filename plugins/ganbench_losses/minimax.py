"""Saturating minimax loss: Goodfellow et al. 2014, equation 1. The generator minimises log(1 - D(G(z))) = -sp(f)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ganbench import Objective
from ganbench_losses import MinimaxOptions
from ganbench_losses.logistic import discriminator_loss
from ganbench_losses.penalties import r1


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return -sp(f), mean."""
    return -softplus(fake_logits).mean()


def build(options: MinimaxOptions) -> Objective:
    """Build the objective."""
    return Objective(
        discriminator_loss=lambda real, fake: discriminator_loss(real, fake, options.label_smoothing),
        generator_loss=generator_loss,
        penalties=r1(options.r1_gamma),
    )

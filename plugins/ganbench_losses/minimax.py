"""Saturating minimax loss: Goodfellow et al. 2014, equation 1; sp(x) = log(1 + exp(x)).

Discriminator: as in the logistic loss. Generator: it minimises log(1 - D(G(z))) = -sp(f), mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses import MinimaxOptions
from ganbench_losses.fused import losses
from ganbench_losses.penalties import r1


def build(options: MinimaxOptions) -> Objective:
    """Build the objective."""
    discriminator_loss, generator_loss = losses("minimax", label_smoothing=options.label_smoothing)
    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=r1(options.r1_gamma))

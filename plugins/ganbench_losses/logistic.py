"""Non-saturating logistic loss: Goodfellow et al. 2014, section 3; sp(x) = log(1 + exp(x)).

Discriminator: sp(-r) + sp(f), means; with the target t = 1 - label_smoothing the first term is t sp(-r) + (1 - t) sp(r).
Generator: sp(-f), mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses import LogisticOptions
from ganbench_losses.fused import losses
from ganbench_losses.penalties import r1


def build(options: LogisticOptions) -> Objective:
    """Build the objective."""
    discriminator_loss, generator_loss = losses("logistic", label_smoothing=options.label_smoothing)
    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=r1(options.r1_gamma))

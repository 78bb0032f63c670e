"""Least-squares loss: Mao et al. 2017, equation 2, with its factor of one half.

Discriminator: ((r - b)^2 + (f - a)^2) / 2, means. Generator: (f - c)^2 / 2, mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses import LeastSquaresOptions
from ganbench_losses.fused import losses
from ganbench_losses.penalties import r1


def build(options: LeastSquaresOptions) -> Objective:
    """Build the objective."""
    targets = (options.real_target, options.fake_target, options.generator_target)
    discriminator_loss, generator_loss = losses("least-squares", targets=targets)
    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=r1(options.r1_gamma))

"""Least-squares loss: Mao et al. 2017, equation 2, with its factor of one half."""

from __future__ import annotations

from torch import Tensor

from ganbench import Objective
from ganbench_losses import LeastSquaresOptions
from ganbench_losses.penalties import r1


def build(options: LeastSquaresOptions) -> Objective:
    """Build the objective."""

    def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = (real_logits - options.real_target).square().mean()
        fake = (fake_logits - options.fake_target).square().mean()
        return 0.5 * (real + fake)

    def generator_loss(fake_logits: Tensor) -> Tensor:
        return 0.5 * (fake_logits - options.generator_target).square().mean()

    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=r1(options.r1_gamma))

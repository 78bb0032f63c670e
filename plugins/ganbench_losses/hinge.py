"""Hinge loss: Lim and Ye 2017, equations 7 and 8; Miyato et al. 2018, equations 16 and 17."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from ganbench import Objective
from ganbench_losses import HingeOptions
from ganbench_losses.penalties import r1


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return relu(1 - r) + relu(1 + f), means."""
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return -f, mean."""
    return -fake_logits.mean()


def build(options: HingeOptions) -> Objective:
    """Build the objective."""
    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=r1(options.r1_gamma))

"""Relativistic losses: Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; sp(x) = log(1 + exp(x)).

Pairing (section 4.1; with R1 and R2, Huang et al. 2024): the discriminator has sp(f - r) over pairs of a real and a generated image, the
generator sp(r - f). Average (section 4.2): sp(mean f - r) + sp(f - mean r), means, and with r and f exchanged for the generator.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ganbench import Objective
from ganbench_kernels import GanLoss, gan_loss
from ganbench_losses.options import RelativisticOptions
from ganbench_losses.regularised import regularised


def pairing_discriminator(real_logits: Tensor, fake_logits: Tensor) -> GanLoss:
    """Return sp(f - r), mean over pairs, with the statistics of the logits."""
    return gan_loss(real_logits, fake_logits, kind="relativistic", role="discriminator")


def pairing_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(r - f), mean over pairs."""
    return gan_loss(real_logits, fake_logits, kind="relativistic", role="generator").loss


def average_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(mean f - r) + sp(f - mean r), means."""
    return softplus(fake_logits.mean() - real_logits).mean() + softplus(fake_logits - real_logits.mean()).mean()


def average_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(mean r - f) + sp(r - mean f), means."""
    return average_discriminator(fake_logits, real_logits)


def build_pairing(options: RelativisticOptions) -> Objective:
    """Build the objective over pairs."""
    return regularised(options, pairing_discriminator, _needs_real, paired_generator_loss=pairing_generator)


def build_average(options: RelativisticOptions) -> Objective:
    """Build the objective over averages."""
    return regularised(options, average_discriminator, _needs_real, paired_generator_loss=average_generator)


def _needs_real(fake_logits: Tensor) -> Tensor:
    raise ValueError("a relativistic loss of the generator needs real logits: an algorithm must call paired_generator_loss")

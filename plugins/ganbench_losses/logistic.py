"""Non-saturating logistic loss: Goodfellow et al. 2014, section 3; sp(x) = log(1 + exp(x))."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ganbench import Objective
from ganbench_losses import LogisticOptions
from ganbench_losses.penalties import r1


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, label_smoothing: float) -> Tensor:
    """Return sp(-r) + sp(f), means; with the target t = 1 - label_smoothing the first term is t sp(-r) + (1 - t) sp(r)."""
    # sp(r) - sp(-r) = r, so smoothing adds label_smoothing * r.
    real = softplus(-real_logits)
    if label_smoothing:
        real = real + label_smoothing * real_logits
    return real.mean() + softplus(fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return sp(-f), mean."""
    return softplus(-fake_logits).mean()


def build(options: LogisticOptions) -> Objective:
    """Build the objective."""
    return Objective(
        discriminator_loss=lambda real, fake: discriminator_loss(real, fake, options.label_smoothing),
        generator_loss=generator_loss,
        penalties=r1(options.r1_gamma),
    )

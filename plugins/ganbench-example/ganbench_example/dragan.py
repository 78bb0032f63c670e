"""DRAGAN (Kodali et al. 2017, https://arxiv.org/abs/1705.07215): logistic loss, and a gradient penalty in the neighbourhood of real images.

The penalty pulls the norm of the discriminator's gradient to 1. As in the authors' code (kodalinaveen3/DRAGAN), and unlike the paper's
Gaussian noise, the neighbourhood is uniform noise with a fraction of the batch's standard deviation, and the gradient is taken on the way
there.

Shapes: N images, C, H, W an image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench import Objective
from ganbench_example import DraganOptions


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(-r) + sp(f), means, with sp(x) = log(1 + exp(x))."""
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return sp(-f), mean."""
    return softplus(-fake_logits).mean()


class LocalGradientPenalty:
    """lambda times the mean squared distance of the gradient norm from 1, at perturbed real images."""

    name = "dragan"
    needs_independent_samples = True

    def __init__(self, options: DraganOptions) -> None:
        self._options = options

    def __call__(self, discriminate: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        noise = self._options.perturbation * real.std() * uniform(real.numel()).view(real.shape)  # [N, C, H, W]
        distance = uniform(real.shape[0]).view(-1, *[1] * (real.ndim - 1))
        near = (real + distance * noise).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(discriminate(near).sum(), near, create_graph=True)
        norm = gradient.square().flatten(1).sum(1).add(1e-12).sqrt()  # [N]; the root has no derivative at 0
        return self._options.gp_weight * (norm - 1).square().mean()


def build(options: DraganOptions) -> Objective:
    """Build the objective."""
    penalty = LocalGradientPenalty(options)
    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=(penalty,))

"""Gradient penalties on the discriminator.

R1: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9; the half is in the weight, as in their code.
WGAN-GP: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1; one-sided as in their section 4.

Both differentiate the discriminator with respect to its input, so the penalty itself needs a second derivative of every layer.
Shapes: N images, C, H, W an image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganbench import Discriminate
from ganbench_kernels import higher_order, no_param_grads, sum_of_squares_per_sample


def input_gradient(discriminate: Discriminate, images: Tensor) -> Tensor:
    """Return d(sum of logits) / d(images), ``[N, C, H, W]``, with its own graph."""
    # A compiled region is given images that require grad, because older versions of torch cannot make such a leaf inside.
    images = images if images.requires_grad else images.detach().requires_grad_(True)
    with higher_order():
        logits = discriminate(images)
    with no_param_grads():
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient


class R1Penalty:
    """gamma / 2 times the mean squared gradient norm on real images."""

    name = "r1"
    needs_independent_samples = True

    def __init__(self, gamma: float) -> None:
        self._gamma = gamma

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        gradient = input_gradient(discriminate, real)
        return 0.5 * self._gamma * sum_of_squares_per_sample(gradient).mean()


class GradientPenalty:
    """lambda times the mean squared distance of the gradient norm from 1, between real and generated images."""

    name = "gradient-penalty"
    needs_independent_samples = True

    def __init__(self, weight: float, one_sided: bool) -> None:
        self._weight = weight
        self._one_sided = one_sided

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        position = uniform(real.shape[0]).view(-1, 1, 1, 1)
        gradient = input_gradient(discriminate, torch.lerp(real, fake, position))
        squared = sum_of_squares_per_sample(gradient)
        # The root has no derivative at 0. Clamped to the least normal number, it has 0 there, and its value is less than an ulp of 1 away.
        excess = squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt() - 1
        if self._one_sided:
            excess = excess.clamp_min(0)
        return self._weight * excess.square().mean()


class DriftPenalty:
    """weight times the mean squared real logit, which keeps a Wasserstein critic from drifting (Karras et al. 2018)."""

    name = "drift"
    needs_independent_samples = False

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        return self._weight * discriminate(real).square().mean()


def r1(gamma: float) -> tuple[R1Penalty, ...]:
    """Return the R1 penalty, or nothing for gamma = 0."""
    return (R1Penalty(gamma),) if gamma > 0 else ()

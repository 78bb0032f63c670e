"""Gradient penalties on the discriminator.

R1 and R2: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equations 9 and 10; the half is in the weight, as in their code.
WGAN-GP: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1; one-sided as in their section 4.
DRAGAN: Kodali et al. 2017, https://arxiv.org/abs/1705.07215, with the noise of the authors' code (kodalinaveen3/DRAGAN).

All differentiate the discriminator with respect to its input, so the penalty itself needs a second derivative of every layer.
Shapes: N images, C, H, W an image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganbench import Discriminate, Penalty
from ganbench_kernels import higher_order, no_param_grads, sum_of_squares_per_sample
from ganbench_schedules import Schedule
from ganbench_schedules.number import ScheduledNumber


def input_gradient(discriminate: Discriminate, images: Tensor) -> Tensor:
    """Return d(sum of logits) / d(images), ``[N, C, H, W]``, with its own graph."""
    if (differentiated := getattr(discriminate, "gradient", None)) is not None:  # mapped over many seeds, where no graph can be asked
        gradient: Tensor = differentiated(images)
        return gradient
    # A compiled region is given images that require grad, because older versions of torch cannot make such a leaf inside.
    images = images if images.requires_grad else images.detach().requires_grad_(True)
    with higher_order():
        logits = discriminate(images)
    with no_param_grads():
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient


def gradient_norm(discriminate: Discriminate, images: Tensor) -> Tensor:
    """Return the norm of each image's gradient, ``[N]``."""
    squared = sum_of_squares_per_sample(input_gradient(discriminate, images))
    # The root has no derivative at 0. Clamped to the least normal number, it has 0 there, and its value is less than an ulp of 1 away.
    return squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt()


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


class R2Penalty:
    """gamma / 2 times the mean squared gradient norm on generated images."""

    name = "r2"
    needs_independent_samples = True

    def __init__(self, gamma: float) -> None:
        self._gamma = gamma

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        gradient = input_gradient(discriminate, fake)
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
        position = uniform(real.shape[0]).view(-1, *[1] * (real.ndim - 1))
        excess = gradient_norm(discriminate, torch.lerp(real, fake, position)) - 1
        if self._one_sided:
            excess = excess.clamp_min(0)
        return self._weight * excess.square().mean()


class LocalGradientPenalty:
    """lambda times the mean squared distance of the gradient norm from 1, on the way from real images to perturbed ones.

    The perturbation is uniform noise of half the batch's standard deviation, where the paper has Gaussian noise.
    """

    name = "dragan"
    needs_independent_samples = True

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        noise = 0.5 * real.std() * uniform(real.numel()).view(real.shape)  # [N, C, H, W]
        distance = uniform(real.shape[0]).view(-1, *[1] * (real.ndim - 1))
        return self._weight * (gradient_norm(discriminate, real + distance * noise) - 1).square().mean()


class DriftPenalty:
    """weight times the mean squared real logit, which keeps a Wasserstein critic from drifting (Karras et al. 2018)."""

    name = "drift"
    needs_independent_samples = False

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        return self._weight * discriminate(real).square().mean()


class ScheduledPenalty(nn.Module):
    """A penalty whose weight follows the images seen; the algorithm tracks it, and so moves it.

    Args:
        penalty: of weight 1.
        schedule: its weight.
    """

    def __init__(self, penalty: Penalty, schedule: Schedule) -> None:
        super().__init__()
        self.name, self.needs_independent_samples = penalty.name, penalty.needs_independent_samples
        self._penalty = penalty
        self.weight = ScheduledNumber(schedule)

    def forward(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty."""
        weighted: Tensor = self.weight() * self._penalty(discriminate, real, fake, uniform)
        return weighted

    def set_progress(self, samples_seen: int) -> None:
        """Move the weight to this point."""
        self.weight.set_progress(samples_seen)

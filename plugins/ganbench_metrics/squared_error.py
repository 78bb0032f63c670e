"""The mean squared error between each generated sample and its target: of a translation from pairs, which has one right answer.

Shapes: M samples, n of them at a time, C channels, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet, Targets, UnsuitableError

_BLOCK = 250


def squared_errors(images: Tensor, targets: Targets) -> Tensor:
    """Return the mean squared error of each image and of each guess over the pixels that are asked for, ``[n, 2]`` float64.

    Args:
        images: ``[n, C, H, W]`` uint8 in [0, 255]; the range from black to white is 1.
        targets: theirs.
    """
    if targets.guesses is None:
        raise UnsuitableError("squared_error compares with a trivial answer, and these targets hold none")
    wanted = (targets.samples.double() + 1) / 2
    weights = torch.ones_like(wanted[:, :1]) if targets.weights is None else targets.weights.double()
    answers = images.double() / 255, (targets.guesses.double() + 1) / 2
    return torch.stack([_mean((answer - wanted).square(), weights) for answer in answers], dim=1)


def _mean(errors: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean of each image, ``[n]``."""
    return (errors * weights).sum(dim=(1, 2, 3)) / weights.expand_as(errors).sum(dim=(1, 2, 3))


@dataclass(frozen=True, slots=True)
class SquaredErrorMetric:
    """The mean squared error over the images (ranked), and that of a trivial answer."""

    implementation: str = "squared-error-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (error, error of the guess); see :func:`squared_errors`."""
        if real.targets is None or fake.samples is None:
            raise ValueError("this metric needs targets and samples, and the sample sets lack them")
        windows = [slice(start, start + _BLOCK) for start in range(0, len(fake.samples), _BLOCK)]
        errors = torch.cat([squared_errors(fake.samples[window], real.targets[window]) for window in windows])
        return tuple(errors.mean(dim=0).tolist())


def build_squared_error(options: object) -> SquaredErrorMetric:
    """Build the metric."""
    return SquaredErrorMetric()

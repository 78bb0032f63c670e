"""The mean squared error between each translation and its target."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.evaluation.paired import Targets


@dataclass(frozen=True, slots=True)
class SquaredError:
    """The mean squared error over the pixels that are asked for, in units of the whole range from black to white, and the guess's."""

    implementation: str = "squared-error-1"

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def score(self, images: Tensor, targets: Targets) -> Tensor:
        """Return the errors of the images and of the guesses, ``[n, 2]``."""
        wanted = (targets.images.double() + 1) / 2
        answers = images.double() / 255, (targets.guesses.double() + 1) / 2
        return torch.stack([_mean((answer - wanted).square(), targets.weights.double()) for answer in answers], dim=1)


def _mean(errors: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean of each image, ``[n]``."""
    return (errors * weights).sum(dim=(1, 2, 3)) / (weights.sum(dim=(1, 2, 3)) * errors.shape[1])


def build_squared_error(options: object) -> SquaredError:
    """Build the metric."""
    return SquaredError()

"""The sliced 2-Wasserstein distance of the features: MIND under the Inception network.

Berthet et al. (2026), https://arxiv.org/abs/2605.06797: both sets are projected on random unit vectors; along each the squared distance of
optimal transport is the mean squared difference of what is sorted; the mean over the vectors is multiplied by 3 D, which brings the values
to the size of FID's. Both sets have the same number of samples: of the larger side so many are drawn at random. As in toshas/torch-fidelity
@a51aa64 (metric_mind.py, input 1 the generated samples), with its draws of samples and of vectors; sums are in float64, there in float32.

Shapes: N samples, D feature dimensions, M directions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet
from ganbench_metrics import SlicedWassersteinOptions
from ganbench_metrics.neighbours import pairwise_features

SCALE_PER_DIMENSION = 3
_DIRECTIONS, _ROWS = 100, 4096
"""At a time: so that neither the projections nor the features in float64 take much memory."""


def sliced_wasserstein(fake: Tensor, real: Tensor, options: SlicedWassersteinOptions) -> float:
    """Return 3 D times the mean squared distance along the directions, in squared feature units; 0 or more.

    Args:
        fake: ``[N1, D]`` float32.
        real: ``[N2, D]`` float32, on the same device.
        options: number of directions, seed.
    """
    random, count = torch.Generator().manual_seed(options.seed), min(len(fake), len(real))
    fake, real = (side if len(side) == count else side[torch.randperm(len(side), generator=random)[:count]] for side in (fake, real))
    directions = torch.randn(options.num_directions, fake.shape[1], generator=random)
    directions = directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)
    total = 0.0
    for some in directions.split(_DIRECTIONS):
        left, right = (_sorted_along(side, some) for side in (fake, real))
        total += (left - right).square().mean(dim=1).sum().item()
    return SCALE_PER_DIMENSION * fake.shape[1] * total / options.num_directions


def _sorted_along(side: Tensor, directions: Tensor) -> Tensor:
    """Return the projections on each direction in ascending order, ``[M, N]`` float64."""
    turned = directions.to(side.device, torch.float64).T
    return torch.cat([rows.double() @ turned for rows in side.split(_ROWS)]).T.sort(dim=1).values


@dataclass(frozen=True, slots=True)
class SlicedWassersteinMetric:
    """The sliced 2-Wasserstein distance as a metric: one quantity."""

    options: SlicedWassersteinOptions = field(default_factory=SlicedWassersteinOptions)
    implementation: str = "sliced-wasserstein-1"
    needs: ClassVar[Needs] = Needs(statistics=False, features=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"scale": "3 D", "num_directions": self.options.num_directions, "seed": self.options.seed}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (distance,), in squared feature units."""
        return (sliced_wasserstein(pairwise_features(fake), pairwise_features(real), self.options),)


def build_sliced_wasserstein(options: SlicedWassersteinOptions) -> SlicedWassersteinMetric:
    """Build the metric from its options."""
    return SlicedWassersteinMetric(options)

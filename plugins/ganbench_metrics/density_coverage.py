"""Density and coverage.

Naeem et al. (2020), https://arxiv.org/abs/2002.09797, equations 3 and 4. Around each real image stands a ball that reaches to its k-th
nearest real neighbour (border left out). Density is the mean number of balls that hold a generated image, over k; coverage is the part of
the balls that hold at least one. Agrees with the authors' ``prdc``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet
from ganbench_metrics import DensityCoverageOptions
from ganbench_metrics.neighbours import pairwise_features, squared_distance_blocks, squared_radii


def density_coverage(real: Tensor, fake: Tensor, num_neighbours: int) -> tuple[float, float]:
    """Return density (0 or more, 1 expected for equal distributions) and coverage (in [0, 1]).

    Args:
        real: ``[N, D]`` float32.
        fake: ``[M, D]`` float32, on the same device.
        num_neighbours: k.

    Raises:
        ConfigError: k is not below N, or there is no generated image.
    """
    if len(fake) == 0:
        raise ConfigError("density and coverage need at least 1 generated image (got 0); evaluate more images")
    radii = squared_radii(real, num_neighbours)  # [N]
    hits = torch.zeros(len(real), dtype=torch.int64, device=real.device)
    for _, block in squared_distance_blocks(fake, real):
        hits += (block < radii).sum(dim=0)
    density = int(hits.sum()) / (num_neighbours * len(fake))
    return density, int((hits > 0).sum()) / len(real)


@dataclass(frozen=True, slots=True)
class DensityCoverageMetric:
    """Density (ranked) and coverage as a metric."""

    options: DensityCoverageOptions = field(default_factory=DensityCoverageOptions)
    implementation: str = "density-coverage-1"
    needs: ClassVar[Needs] = Needs(statistics=False, features=True)

    @property
    def least_samples(self) -> int:
        """An image and its neighbours."""
        return self.options.num_neighbours + 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"num_neighbours": self.options.num_neighbours}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (density, coverage); see :func:`density_coverage`."""
        return density_coverage(pairwise_features(real), pairwise_features(fake), self.options.num_neighbours)


def build_density_coverage(options: DensityCoverageOptions) -> DensityCoverageMetric:
    """Build the metric from its options."""
    return DensityCoverageMetric(options)

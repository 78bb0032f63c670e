"""The Fréchet distance at infinitely many generated samples: FID infinity under the Inception network.

Chong and Forsyth (2020), https://arxiv.org/abs/1911.07023: the Fréchet distance of N generated samples is too large by about a constant
over N, another one for each generator, so that two generators may change places with N. A straight line through the distances of several
counts, over 1 / N, leads to that of infinitely many. As there: 15 counts, evenly spaced, the smallest a tenth of all, each with samples
drawn at random without replacement, and least squares. Here the smallest is also 2.5 times the number of dimensions at least, below which
the bias is no straight line; the article has 5,000 for 2048. The latents are those of every other metric, and no Sobol sequence. The bias
of the real side stays. The value may be below 0, by the noise of the fit. It was compared with closed forms, and with no public code.

Shapes: N samples, D feature dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from ganbench import ConfigError, FeatureStatistics, Needs, SampleSet
from ganbench_metrics import FrechetInfinityOptions
from ganbench_metrics.frechet import Gaussian, distance_between

SMALLEST_SHARE = 0.1
SAMPLES_PER_DIMENSION = 2.5


def counts_of(num_samples: int, dims: int, num_points: int) -> list[int]:
    """Return the counts of samples, ascending.

    Raises:
        ConfigError: there are too few samples for two counts that differ by a factor of 2.
    """
    smallest = math.ceil(max(SMALLEST_SHARE * num_samples, SAMPLES_PER_DIMENSION * dims))
    if num_samples < 2 * smallest:
        raise ConfigError(
            f"fd_inf needs {2 * smallest} generated samples or more of {dims} dimensions (got {num_samples})",
            hint=f"write a larger count: fd_inf{2 * smallest}",
        )
    return [round(count) for count in np.linspace(smallest, num_samples, num_points)]


def extrapolate(counts: Sequence[int], values: Sequence[float]) -> float:
    """Return where the straight line through values over one over counts meets 0."""
    _, at_infinity = np.polyfit([1 / count for count in counts], values, 1)
    return float(at_infinity)


@dataclass(frozen=True, slots=True)
class FrechetInfinityMetric:
    """The extrapolated Fréchet distance as a metric: one quantity."""

    options: FrechetInfinityOptions = field(default_factory=FrechetInfinityOptions)
    implementation: str = "frechet-infinity-1"
    needs: ClassVar[Needs] = Needs(features=True, repeats=True)
    least_samples: int = 10

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"ddof": 1, "num_points": self.options.num_points, "seed": self.options.seed}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (distance,), in squared feature units.

        Raises:
            ConfigError: too few generated samples for the dimensions.
        """
        if fake.features is None:
            raise ValueError("this metric needs the features of every sample, and the sample set holds none")
        num_samples, dims = fake.features.shape
        counts, random = counts_of(num_samples, dims, self.options.num_points), torch.Generator().manual_seed(self.options.seed)
        reference, values = Gaussian.of(real.statistics), []
        for count in counts:
            statistics = FeatureStatistics(dims)
            statistics.update(fake.features[torch.randperm(num_samples, generator=random)[:count]])
            values.append(distance_between(reference, Gaussian.of(statistics)))
        return (extrapolate(counts, values),)


def build_frechet_infinity(options: FrechetInfinityOptions) -> FrechetInfinityMetric:
    """Build the metric from its options."""
    return FrechetInfinityMetric(options)

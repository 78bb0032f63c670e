"""Density and coverage.

Naeem et al. (2020), https://arxiv.org/abs/2002.09797, equations 3 and 4. Around each real sample stands a ball that reaches to its k-th
nearest real neighbour (border left out). Density is the mean number of balls that hold a generated sample, over k; coverage is the part of
the balls that hold at least one. Agrees with the authors' ``prdc``, but for samples that lie on a border itself, as copies of real ones do:
here they are outside, so that the density of the real samples themselves is 1; there rounding puts them to either side.
"""

from __future__ import annotations

from torch import Tensor

from ganbench import ConfigError
from ganbench_metrics import DensityCoverageOptions
from ganbench_metrics.neighbours import NeighbourMetric, num_within, squared_radii


def density_coverage(real: Tensor, fake: Tensor, num_neighbours: int) -> tuple[float, float]:
    """Return density (0 or more, 1 expected for equal distributions) and coverage (in [0, 1]).

    Args:
        real: ``[N, D]`` float32.
        fake: ``[M, D]`` float32, on the same device.
        num_neighbours: k.

    Raises:
        ConfigError: k is not below N, or there is no generated sample.
    """
    if len(fake) == 0:
        raise ConfigError("density and coverage need at least 1 generated sample (got 0); evaluate more samples")
    count, held = num_within(fake, real, squared_radii(real, num_neighbours))
    return count / (num_neighbours * len(fake)), int(held.sum()) / len(real)


def build_density_coverage(options: DensityCoverageOptions) -> NeighbourMetric:
    """Build the metric from its options; see :func:`density_coverage`."""
    return NeighbourMetric(options.num_neighbours, "density-coverage-1", density_coverage)

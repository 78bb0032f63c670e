"""A squared MMD with a Gaussian kernel: CMMD under the extractor ``clip``.

Jayasumana et al. (2024), https://arxiv.org/abs/2401.09603: ``k(x, y) = exp(-|x - y|^2 / (2 sigma^2))`` with sigma 10, a thousand times the
estimate of least variance, in which each sample is compared with itself too, so that the value is 0 or more. The formula is that of
google-research/cmmd @4c42994 (distance.py), there in float32; CMMD needs its features too, see :mod:`ganbench_extractors.clip`. Under
another extractor it is another number, and features of another size want another sigma.

The kernel of unit vectors lies between 0.98 and 1, and the estimate is a difference of means of it: ``exp(t) - 1`` is summed, in float64.

Shapes: N samples, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet
from ganbench_metrics import GaussianMmdOptions
from ganbench_metrics.neighbours import pairwise_features

SCALE = 1000
_ROWS, _COLUMNS = 1024, 4096


def mean_kernel(x: Tensor, y: Tensor, sigma: float) -> float:
    """Return the mean over all pairs of the kernel, less 1.

    Args:
        x: ``[N1, D]`` float32.
        y: ``[N2, D]`` float32, on the same device.
        sigma: the kernel's width, in feature units.
    """
    total = 0.0
    for rows in x.split(_ROWS):
        left = rows.double()
        for columns in y.split(_COLUMNS):
            right = columns.double()
            squares = left.square().sum(1)[:, None] + right.square().sum(1) - 2 * left @ right.T
            total += torch.expm1(squares.clamp_min_(0) / (-2 * sigma**2)).sum().item()
    return total / (len(x) * len(y))


@dataclass(frozen=True, slots=True)
class GaussianMmdMetric:
    """A thousand times the squared MMD as a metric: one quantity."""

    options: GaussianMmdOptions = field(default_factory=GaussianMmdOptions)
    implementation: str = "gaussian-mmd-1"
    needs: ClassVar[Needs] = Needs(statistics=False, features=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"kernel": "exp(-|x-y|^2/(2 sigma^2))", "sigma": self.options.sigma, "scale": SCALE, "estimator": "biased"}

    def prepare(self, real: SampleSet) -> Mapping[str, Tensor]:
        """Return what real samples are to each other, which takes longest and is the same for every generator."""
        return {self._within: torch.tensor(self._among(real), dtype=torch.float64)}

    @property
    def _within(self) -> str:
        return f"gaussian_kernel_{self.options.sigma!r}"

    def _among(self, side: SampleSet) -> float:
        features = pairwise_features(side)
        return mean_kernel(features, features, self.options.sigma)

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (MMD^2 times 1000,); 0 or more but for rounding."""
        known = real.prepared.get(self._within)
        within = self._among(real) if known is None else float(known)
        between = mean_kernel(pairwise_features(fake), pairwise_features(real), self.options.sigma)
        return (SCALE * (within + self._among(fake) - 2 * between),)


def build_gaussian_mmd(options: GaussianMmdOptions) -> GaussianMmdMetric:
    """Build the metric from its options."""
    return GaussianMmdMetric(options)

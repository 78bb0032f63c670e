"""The kernel distance, an unbiased squared MMD: KID under the Inception network, KD under any other.

Binkowski et al. (2018), https://arxiv.org/abs/1801.01401, equation 4, with the kernel ``k(x, y) = (x.y / D + 1)^3``.
Agrees with torch-fidelity: the same subsets (``numpy.random.RandomState(seed)``, the first argument's subset drawn before the second's),
standard deviation with ddof 0. Differs: float64 where that has float32, and the full-sample value beside the mean over subsets.

Float64 is made of a block of samples at a time, so that memory does not grow with their number; two orders of the same sums differ by a few
roundings, below 1e-12 of a sum of the kernel.

Shapes: N samples, D feature dimensions, E = D + 1, R rows of a block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet
from ganbench_metrics import KernelDistanceOptions
from ganbench_metrics.neighbours import pairwise_features

BLOCK_ROWS = 1024
BLOCK_COLUMNS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelDistance:
    """What the kernel distance is estimated to be; values slightly below zero are right for equal distributions."""

    mean: float
    """Mean over the subsets: the published quantity."""
    std: float
    """Standard deviation over the subsets, ddof 0."""
    standard_error: float
    """std / sqrt(subsets)."""


def subset_kernel_distance(fake: Tensor, real: Tensor, options: KernelDistanceOptions) -> KernelDistance:
    """Estimate the squared MMD on random subsets.

    Args:
        fake: ``[N1, D]`` float32. Its subset is drawn first, as torch-fidelity does with its first input.
        real: ``[N2, D]`` float32.
        options: number and size of the subsets, seed.

    Raises:
        ConfigError: a side has fewer samples than ``subset_size``.
    """
    smaller = min(len(fake), len(real))
    if options.subset_size > smaller:
        raise ConfigError(
            f"subset_size must be at most {smaller}, the samples on the smaller side (got {options.subset_size})",
            hint="lower subset_size or evaluate more samples",
        )
    stream = np.random.RandomState(options.seed)
    values = [
        unbiased_mmd2(_drawn(fake, stream, options.subset_size), _drawn(real, stream, options.subset_size))
        for _ in range(options.num_subsets)
    ]
    std = float(np.std(values))
    return KernelDistance(mean=float(np.mean(values)), std=std, standard_error=std / math.sqrt(options.num_subsets))


def _drawn(features: Tensor, stream: np.random.RandomState, size: int) -> Tensor:
    return features[torch.from_numpy(stream.choice(len(features), size, replace=False))]


def unbiased_mmd2(x: Tensor, y: Tensor) -> float:
    """Return the unbiased squared MMD between two samples (Binkowski et al., equation 4), using every pair.

    Args:
        x: ``[N1, D]``, N1 at least 2.
        y: ``[N2, D]``, N2 at least 2.

    Raises:
        ConfigError: fewer than two samples on a side.
    """
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ConfigError(f"the kernel distance needs at least 2 samples on each side (got {m} and {n}); evaluate more samples")
    sums = _sums_by_moments if (x.shape[1] + 1) ** 2 < n + m else _sums_by_pairs
    xx, yy, xy = sums(x, y)
    return (xx - _diagonal(x)) / (n * (n - 1)) + (yy - _diagonal(y)) / (m * (m - 1)) - 2.0 * xy / (n * m)


def _augmented(features: Tensor) -> Tensor:
    """Return rows z ``[N, E]`` float64 with ``k(x, y) = (z_x . z_y)^3``."""
    scaled = features.to(torch.float64) / math.sqrt(features.shape[1])
    return torch.nn.functional.pad(scaled, (0, 1), value=1.0)


def _diagonal(features: Tensor) -> float:
    """Return the sum of the kernel of each sample with itself."""
    norms = [_augmented(rows).square().sum(dim=1) for rows in torch.split(features, BLOCK_ROWS)]
    return torch.cat(norms).pow(3).sum().item()


def _sums_by_pairs(x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Return the kernel's sums over all pairs within x, within y and between them, from blocks of the Gram matrix."""
    return _sum_within(x), _sum_within(y), sum((_cubed_sum(_augmented(rows), y) for rows in torch.split(x, BLOCK_ROWS)), 0.0)


def _sum_within(features: Tensor) -> float:
    """Use the symmetry: the blocks on the diagonal once, those to their right twice."""
    total = 0.0
    for start in range(0, len(features), BLOCK_ROWS):
        stop = start + BLOCK_ROWS
        rows = _augmented(features[start:stop])
        total += _cubed_sum(rows, features[start:stop]) + 2.0 * _cubed_sum(rows, features[stop:])
    return total


def _cubed_sum(rows: Tensor, features: Tensor) -> float:
    """Return the kernel's sum over all pairs of ``[R, E]`` float64 and ``[N, D]``."""
    total = 0.0
    for columns in torch.split(features, BLOCK_COLUMNS):
        gram = rows @ _augmented(columns).T
        total += float((gram * gram).mul_(gram).sum().item())
    return total


def _sums_by_moments(x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Return the same sums from third moments, linear in N: the sum of (z.w)^3 is the inner product of the tensors sum z_a z_b z_c.

    The tensors are symmetric, so slice ``a`` is needed only at b, c >= a. An ordered triple has its least index at one of three places:
    hence weight 3 where b and c are above a, 3 for the two entries (a, c), (c, a) together, and 1 at (a, a, a).
    """
    x, y = _augmented(x), _augmented(y)
    xx = yy = xy = 0.0
    for a in range(x.shape[1]):
        weight = torch.full((x.shape[1] - a,) * 2, 3.0, dtype=torch.float64, device=x.device)
        weight[0, :] = weight[:, 0] = 1.5
        weight[0, 0] = 1.0
        left, right = _moment_slice(x[:, a:]), _moment_slice(y[:, a:])
        xx += (weight * left * left).sum().item()
        yy += (weight * right * right).sum().item()
        xy += (weight * left * right).sum().item()
    return xx, yy, xy


def _moment_slice(z: Tensor) -> Tensor:
    return (z * z[:, :1]).T @ z


@dataclass(frozen=True, slots=True)
class KernelDistanceMetric:
    """The kernel distance as a metric: mean over subsets (ranked), standard deviation over subsets, full-sample value."""

    options: KernelDistanceOptions = field(default_factory=KernelDistanceOptions)
    implementation: str = "kernel-distance-1"
    needs: ClassVar[Needs] = Needs(statistics=False, features=True)

    @property
    def least_samples(self) -> int:
        """A whole subset."""
        return self.options.subset_size

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {
            "kernel": "(x.y/D+1)^3",
            "num_subsets": self.options.num_subsets,
            "subset_size": self.options.subset_size,
            "seed": self.options.seed,
        }

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean over subsets, std over subsets, full-sample value).

        Raises:
            ConfigError: a side has fewer samples than ``subset_size``.
        """
        generated, reference = pairwise_features(fake), pairwise_features(real)
        over_subsets = subset_kernel_distance(generated, reference, self.options)
        return over_subsets.mean, over_subsets.std, unbiased_mmd2(generated, reference)


def build_kernel_distance(options: KernelDistanceOptions) -> KernelDistanceMetric:
    """Build the metric from its options."""
    return KernelDistanceMetric(options)

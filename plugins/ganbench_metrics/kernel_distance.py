"""The kernel distance, an unbiased squared MMD: KID under the Inception network, KD under any other.

Binkowski et al. (2018), https://arxiv.org/abs/1801.01401, equation 4, with the kernel ``k(x, y) = (x.y / D + 1)^3``.
Agrees with torch-fidelity: the same subsets (``numpy.random.RandomState(seed)``, the first argument's subset drawn before the second's),
standard deviation with ddof 0. Differs: the full-sample value stands beside the mean over subsets.

One pass over the kernel of all pairs, a tile at a time, serves every subset and the full-sample value: the sums over the pairs of a subset
are a product with the rows that say which samples it holds. On a CPU the tiles of many pairs are float32, and everything is summed in
float64; what that moves is far below 1e-6, to which public implementations agree. Features are less their mean for that, in float64, so
that what is rounded is small: ``x.y / D + 1`` is ``(x-c).(y-c) / D + a(x) + a(y)`` with ``a(x) = (c.x - c.c/2) / D + 1/2``.

Of few dimensions the full-sample value comes from third moments, linear in N, and each subset from its own pairs.

Shapes: N samples, D feature dimensions, E = D + 1, R sets of pairs that are summed over, B rows and C columns of a tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from ganbench import ConfigError, Needs, SampleSet
from ganbench_metrics import KernelDistanceOptions
from ganbench_metrics.margins import can_bound
from ganbench_metrics.neighbours import pairwise_features

TILE_ROWS, TILE_COLUMNS = 256, 1024
MANY_PAIRS = 2**22
"""From so many on, tiles are float32: fewer cost little, and errors of many cancel."""


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
    _check_size(fake, real, options)
    return estimate(fake, real, options)[0]


def _check_size(fake: Tensor, real: Tensor, options: KernelDistanceOptions) -> None:
    smaller = min(len(fake), len(real))
    if options.subset_size > smaller:
        raise ConfigError(
            f"subset_size must be at most {smaller}, the samples on the smaller side (got {options.subset_size})",
            hint="lower subset_size or evaluate more samples",
        )


def estimate(fake: Tensor, real: Tensor, options: KernelDistanceOptions) -> tuple[KernelDistance, float]:
    """Return the estimate over subsets, whose size is not above either side's, and the full-sample value; the arguments are those above."""
    stream, size = np.random.RandomState(options.seed), options.subset_size
    drawn = [tuple(stream.choice(len(side), size, replace=False) for side in (fake, real)) for _ in range(options.num_subsets)]
    if _moments_are_cheaper(fake, real):
        subsets = [
            unbiased_mmd2(*(side[torch.from_numpy(chosen)] for side, chosen in zip((fake, real), pair, strict=True))) for pair in drawn
        ]
        full = unbiased_mmd2(fake, real)
    else:
        members = [_members(len(side), [pair[i] for pair in drawn], fake.device) for i, side in enumerate((fake, real))]
        *subsets, full = _mmd2(fake, real, *members).tolist()
    std = float(np.std(subsets))
    return KernelDistance(mean=float(np.mean(subsets)), std=std, standard_error=std / math.sqrt(options.num_subsets)), full


def _members(count: int, drawn: list[np.ndarray], device: torch.device) -> Tensor:
    """Return ``[R, N]`` float32: which samples each subset holds, as ones, and in the last row all."""
    members = torch.zeros(len(drawn) + 1, count)
    for row, chosen in zip(members, drawn, strict=False):
        row[torch.from_numpy(chosen)] = 1.0
    members[-1] = 1.0
    return members.to(device)


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
    if _moments_are_cheaper(x, y):
        xx, yy, xy = _sums_by_moments(x, y)
        return (xx - _diagonal(x)) / (n * (n - 1)) + (yy - _diagonal(y)) / (m * (m - 1)) - 2.0 * xy / (n * m)
    return _mmd2(x, y, *(torch.ones(1, len(side), device=side.device) for side in (x, y))).item()


def _moments_are_cheaper(x: Tensor, y: Tensor) -> bool:
    return bool((x.shape[1] + 1) ** 2 < len(x) + len(y))


def _mmd2(x: Tensor, y: Tensor, members_x: Tensor, members_y: Tensor) -> Tensor:
    """Return the unbiased squared MMD of each pair of subsets, ``[R]`` float64.

    Args:
        x: ``[N1, D]``.
        y: ``[N2, D]``; the same tensor is known again, with what was summed over its own pairs.
        members_x: which samples each subset holds, ``[R, N1]`` of zeros and ones.
        members_y: ``[R, N2]``.
    """
    dtype = torch.float32 if len(x) * len(y) >= MANY_PAIRS and can_bound(x, y) else torch.float64
    centre = y.mean(dim=0, dtype=torch.float64)
    left, right = (_Factor(side, centre, members, dtype) for side, members in ((x, members_x), (y, members_y)))
    n, m = (members.sum(dim=1, dtype=torch.float64) for members in (members_x, members_y))
    return _sums_within(left) / (n * (n - 1)) + _known_sums_within(y, right) / (m * (m - 1)) - 2.0 * _sums_between(left, right) / (n * m)


class _Factor:
    """One side of the matrix ``x.y / D + 1``: a row for each sample, and what is added to the products with the other side's.

    Args:
        features: ``[N, D]``.
        centre: ``[D]`` float64, the same for both sides.
        members: ``[R, N]``.
        dtype: of the matrix.
    """

    def __init__(self, features: Tensor, centre: Tensor, members: Tensor, dtype: torch.dtype) -> None:
        self.members = members
        self._rows = torch.empty_like(features, dtype=dtype)
        self._added = features.new_empty(len(features), dtype=dtype)
        dims = features.shape[1]
        for part in _slices(len(features), TILE_COLUMNS):
            wide = features[part].to(torch.float64)
            self._rows[part] = ((wide - centre) / math.sqrt(dims)).to(dtype)
            self._added[part] = ((wide @ centre - centre @ centre / 2) / dims + 0.5).to(dtype)

    def __len__(self) -> int:
        return len(self._rows)

    def kernel(self, rows: slice, other: _Factor, columns: slice) -> Tensor:
        """Return the kernel of some samples with some of the other side's, ``[B, C]``."""
        gram = torch.addmm(other._added[columns], self._rows[rows], other._rows[columns].T).add_(self._added[rows, None])
        return (gram * gram).mul_(gram)


def _sums_between(x: _Factor, y: _Factor) -> Tensor:
    """Return the sum of the kernel over the pairs of each subset of x with that of y, ``[R]`` float64."""
    total = torch.zeros(len(x.members), dtype=torch.float64, device=x.members.device)
    for columns in _slices(len(y), TILE_COLUMNS):
        for rows in _slices(len(x), TILE_ROWS):
            total += _sum(x.kernel(rows, y, columns), x.members[:, rows], y.members[:, columns])
    return total


def _sums_within(x: _Factor) -> Tensor:
    """Return the sum of the kernel over the ordered pairs of two samples of each subset, ``[R]`` float64: by symmetry half of all tiles."""
    total = torch.zeros(len(x.members), dtype=torch.float64, device=x.members.device)
    for rows in _slices(len(x), TILE_ROWS):
        own, square = x.members[:, rows], x.kernel(rows, x, rows)
        square.diagonal().zero_()
        total += _sum(square, own, own)
        for columns in _slices(len(x), TILE_COLUMNS, rows.stop):
            total += 2.0 * _sum(x.kernel(rows, x, columns), own, x.members[:, columns])
    return total


_KNOWN = WeakIdKeyDictionary()
"""By the features of real samples: the sums over their own pairs, which every evaluation of a run asks for, and of which subsets."""


def _known_sums_within(features: Tensor, factor: _Factor) -> Tensor:
    members, sums = _KNOWN.get(features, (None, None))
    if members is None or not torch.equal(members, factor.members):
        sums = _sums_within(factor)
        _KNOWN[features] = factor.members, sums
    assert sums is not None
    return sums


def _sum(kernel: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the sum of a tile ``[B, C]`` over the pairs of each subset, ``[R]`` float64, by its rows ``[R, B]`` and columns ``[R, C]``."""
    return ((rows.to(kernel.dtype) @ kernel) * columns).sum(dim=1, dtype=torch.float64)


def _slices(count: int, size: int, start: int = 0) -> Iterator[slice]:
    for at in range(start, count, size):
        yield slice(at, min(at + size, count))


def _augmented(features: Tensor) -> Tensor:
    """Return rows z ``[N, E]`` float64 with ``k(x, y) = (z_x . z_y)^3``."""
    scaled = features.to(torch.float64) / math.sqrt(features.shape[1])
    return torch.nn.functional.pad(scaled, (0, 1), value=1.0)


def _diagonal(features: Tensor) -> float:
    """Return the sum of the kernel of each sample with itself."""
    norms = [_augmented(rows).square().sum(dim=1) for rows in torch.split(features, TILE_COLUMNS)]
    return torch.cat(norms).pow(3).sum().item()


def _sums_by_moments(x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Return the kernel's sums over all pairs within x, within y and between them, from third moments.

    The sum of (z.w)^3 is the inner product of the tensors sum z_a z_b z_c. They are symmetric, so slice ``a`` is needed only at b, c >= a.
    An ordered triple has its least index at one of three places: hence weight 3 where b and c are above a, 3 for the two entries (a, c),
    (c, a) together, and 1 at (a, a, a).
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
    implementation: str = "kernel-distance-2"
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
        _check_size(generated, reference, self.options)
        over_subsets, full = estimate(generated, reference, self.options)
        return over_subsets.mean, over_subsets.std, full


def build_kernel_distance(options: KernelDistanceOptions) -> KernelDistanceMetric:
    """Build the metric from its options."""
    return KernelDistanceMetric(options)

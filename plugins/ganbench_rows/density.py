"""A density of rows that is known: a category of given shares, and numbers that are Gaussian within each.

Shapes: N rows, A numbers of a row, K categories. A row is its numbers and then the place of its category.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_Vector = tuple[float, ...]
_LEAST_ROWS = 10
_RIDGE = 1e-6
"""Added to a fitted variance, relative to that of all rows."""


@dataclass(frozen=True, slots=True)
class Density:
    """A mixture whose components are seen."""

    shares: _Vector
    """Of each category, ``[K]``; they sum to 1."""
    means: tuple[_Vector, ...]
    """``[K, A]``."""
    covariances: tuple[tuple[_Vector, ...], ...]
    """``[K, A, A]``, symmetric and positive definite."""

    def sample(self, count: int, random: torch.Generator) -> Tensor:
        """Return rows ``[count, A + 1]`` float64."""
        kinds = torch.multinomial(torch.tensor(self.shares, dtype=torch.float64), count, replacement=True, generator=random)
        means, factors = self._tensors()
        noise = torch.randn(count, means.shape[1], dtype=torch.float64, generator=random)
        numbers = means[kinds] + (factors[kinds] @ noise[:, :, None])[:, :, 0]
        return torch.cat([numbers, kinds[:, None].double()], dim=1)

    def log_density(self, rows: Tensor) -> Tensor:
        """Return the log-density of rows ``[N, A + 1]`` in nats, ``[N]`` float64."""
        kinds, numbers = rows[:, -1].long(), rows[:, :-1].double()
        means, factors = self._tensors()
        whitened = torch.linalg.solve_triangular(factors[kinds], (numbers - means[kinds])[:, :, None], upper=False)[:, :, 0]
        constants = factors.diagonal(dim1=1, dim2=2).log().sum(1) + numbers.shape[1] / 2 * math.log(2 * math.pi)
        shares = torch.tensor(self.shares, dtype=torch.float64)
        found: Tensor = shares.log()[kinds] - constants[kinds] - 0.5 * whitened.square().sum(1)
        return found

    def _tensors(self) -> tuple[Tensor, Tensor]:
        """Return means ``[K, A]`` and the Cholesky factors of the covariances ``[K, A, A]``."""
        return torch.tensor(self.means, dtype=torch.float64), torch.linalg.cholesky(torch.tensor(self.covariances, dtype=torch.float64))


def fit_density(rows: Tensor, num_kinds: int) -> Density:
    """Return the density of the same form that fits rows best.

    One row of each category is added to the counts, so that none has the share 0; a category of fewer than ten rows has the mean and the
    covariance of all rows, and 1e-6 of the variances of all is added to each.

    Args:
        rows: ``[N, A + 1]``, N of 2 or more.
        num_kinds: K.
    """
    kinds, numbers = rows[:, -1].long(), rows[:, :-1].double()
    counts = torch.bincount(kinds, minlength=num_kinds)
    shares = (counts + 1.0).double() / (len(rows) + num_kinds)
    variances = numbers.var(0, correction=0)
    ridge = torch.diag(_RIDGE * variances + torch.finfo(torch.float64).tiny ** 0.5)
    means, covariances = [], []
    for kind in range(num_kinds):
        part = numbers[kinds == kind] if int(counts[kind]) >= _LEAST_ROWS else numbers
        means.append(tuple(part.mean(0).tolist()))
        covariance = torch.cov(part.T, correction=0).reshape(ridge.shape) + ridge
        covariances.append(tuple(map(tuple, covariance.tolist())))
    return Density(tuple(shares.tolist()), tuple(means), tuple(covariances))

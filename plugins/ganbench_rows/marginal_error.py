"""How far the columns of generated rows, and the pairs of them, are from those of real rows: 0 is none, 1 is the most.

The definitions are those of SDMetrics' quality report (https://docs.sdv.dev/sdmetrics), of which these are one minus its scores: of a
column of numbers the Kolmogorov-Smirnov statistic, of categories the total variation distance; of two columns of numbers half of the
difference of their correlations, of any others the total variation distance of their tables of counts, in which numbers fall into ten bins
of one width over the real range. Differs: a generated number outside the real range falls into the bin at its edge, and a column of numbers
that is constant on a side correlates with nothing. Means over the columns, and over the pairs.

Independent marginals pass the first and not the second: look at both.

Shapes: N rows, C columns.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet
from ganbench_rows.columns import Category, Column
from ganbench_rows.space import RowSpace, rows_of

_BINS = 10


def kolmogorov_smirnov(real: Tensor, fake: Tensor) -> float:
    """Return the largest distance of the two empirical distribution functions of numbers ``[N]``."""
    places = torch.cat([real, fake]).sort().values
    below = [torch.searchsorted(side.sort().values, places, right=True).double() / len(side) for side in (real, fake)]
    return float((below[0] - below[1]).abs().max())


def total_variation(real: Tensor, fake: Tensor, count: int) -> float:
    """Return half of the sum of the differences of shares, of places ``[N]`` int64 below ``count``."""
    shares = [torch.bincount(side, minlength=count).double() / len(side) for side in (real, fake)]
    return float((shares[0] - shares[1]).abs().sum() / 2)


def column_errors(space: RowSpace, real: Tensor, fake: Tensor) -> list[float]:
    """Return the error of each column of rows ``[N, C]``."""
    errors = []
    for place, column in enumerate(space.columns):
        sides = (real[:, place], fake[:, place])
        if isinstance(column, Category):
            errors.append(total_variation(sides[0].long(), sides[1].long(), column.width))
        else:
            errors.append(kolmogorov_smirnov(*sides))
    return errors


def pair_errors(space: RowSpace, real: Tensor, fake: Tensor) -> list[float]:
    """Return the error of each pair of columns of rows ``[N, C]``."""
    correlations = [_correlations(side) for side in (real, fake)]
    places = [_places(column, real[:, i], fake[:, i]) for i, column in enumerate(space.columns)]
    errors = []
    for i, j in itertools.combinations(range(len(space.columns)), 2):
        if isinstance(space.columns[i], Category) or isinstance(space.columns[j], Category):
            (real_i, fake_i, _), (real_j, fake_j, width) = places[i], places[j]
            errors.append(total_variation(real_i * width + real_j, fake_i * width + fake_j, places[i][2] * width))
        else:
            errors.append(abs(float(correlations[0][i, j] - correlations[1][i, j])) / 2)
    return errors


def _correlations(rows: Tensor) -> Tensor:
    """Return the correlations ``[C, C]``; 0 for a column that is constant."""
    centred = rows.double() - rows.double().mean(0)
    lengths = centred.square().sum(0).sqrt()
    return (centred / lengths.where(lengths > 0, torch.inf)).T @ (centred / lengths.where(lengths > 0, torch.inf))


def _places(column: Column, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return the places of both sides in a table of counts, and how many places there are."""
    if isinstance(column, Category):
        return real.long(), fake.long(), column.width
    edges = torch.linspace(0, 1, _BINS + 1, dtype=torch.float64)[1:-1] * (real.max() - real.min()) + real.min()
    return torch.bucketize(real.contiguous(), edges, right=True), torch.bucketize(fake.contiguous(), edges, right=True), _BINS


@dataclass(frozen=True, slots=True)
class MarginalErrorMetric:
    """The mean error of the columns (ranked), and that of their pairs."""

    implementation: str = "marginal-error-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="reference", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return how many bins numbers fall into beside categories."""
        return {"bins": _BINS}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (error of the columns, error of the pairs), each from 0 to 1."""
        space = rows_of(real.space)
        assert real.samples is not None
        assert fake.samples is not None
        found = (errors(space, real.samples, fake.samples) for errors in (column_errors, pair_errors))
        return tuple(sum(errors) / len(errors) for errors in found)


def build(options: object) -> MarginalErrorMetric:
    """Build the metric."""
    return MarginalErrorMetric()

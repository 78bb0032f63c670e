"""Which category is asked for, and which real rows have it: training by sampling (Xu et al. 2019, section 4.3).

A column of categories is chosen evenly, then one of its values by the logarithm of its frequency, which is taken of 1 + count here, so that
a value that one row has is asked for too. Generated rows that are measured are asked for values by their frequency itself.

Shapes: n rows, K values of all columns of categories together, N rows of the train split.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench_rows.columns import Category
from ganbench_rows.space import RowSpace


def categories_of(space: RowSpace) -> list[tuple[int, Category, slice]]:
    """Return the place of each column of categories, the column, and what networks see of it."""
    return [(place, column, seen) for place, column, seen in space.parts() if isinstance(column, Category)]


def num_values(space: RowSpace) -> int:
    """Return K."""
    return sum(column.width for _, column, _ in categories_of(space))


def draw_by_frequency(space: RowSpace, count: int, random: torch.Generator) -> Tensor:
    """Return conditions by the values' frequency, ``[count, K]`` float32."""
    columns = categories_of(space)
    shares = torch.cat([torch.tensor(column.shares, dtype=torch.float64) / len(columns) for _, column, _ in columns])
    return _one_hot(_draw(shares.cumsum(0), torch.rand(count, dtype=torch.float64, generator=random)), len(shares))


@dataclass(frozen=True, slots=True)
class Conditions:
    """What conditions are drawn from, on the device of the steps."""

    cumulative: Tensor
    """``[K]`` float64: of the probabilities with which values are asked for."""
    start: Tensor
    """``[K]`` int64: where the rows of each value begin in :attr:`rows`."""
    counts: Tensor
    """``[K]`` int64."""
    rows: Tensor
    """Indices of rows of the train split, value by value."""
    column: Tensor
    """``[K]`` int64: which column each value belongs to."""
    logits: Tensor
    """``[K]`` int64: the number of each value among those that networks see of a row."""

    @classmethod
    def of(cls, space: RowSpace, stored: Tensor, device: torch.device) -> Conditions | None:
        """Return the conditions of a train split ``[N, C]``; None where no column holds categories."""
        columns = categories_of(space)
        if not columns:
            return None
        counts, rows, probabilities = [], [], []
        for place, column, _ in columns:
            kinds = stored[:, place].long()
            count = torch.bincount(kinds, minlength=column.width)
            logarithms = count.double().log1p()
            counts.append(count)
            rows.append(kinds.argsort(stable=True))
            probabilities.append(logarithms / logarithms.sum() / len(columns))
        together = torch.cat(counts)
        parts = (
            torch.cat(probabilities).cumsum(0),
            together.cumsum(0) - together,
            together,
            torch.cat(rows),
            torch.cat([torch.full((column.width,), i) for i, (_, column, _) in enumerate(columns)]),
            torch.cat([torch.arange(seen.start, seen.stop) for _, _, seen in columns]),
        )
        return cls(*(part.to(device) for part in parts))

    def draw(self, count: int, random: torch.Generator) -> Tensor:
        """Return the values that are asked for, ``[count]`` int64, by the logarithm of their frequency."""
        return _draw(self.cumulative, torch.rand(count, dtype=torch.float64, device=random.device, generator=random))

    def one_hot(self, values: Tensor) -> Tensor:
        """Return conditions ``[n, K]`` float32."""
        return _one_hot(values, len(self.counts))

    def draw_rows(self, values: Tensor, random: torch.Generator) -> Tensor:
        """Return the index of a row of the train split with each value, ``[n]`` int64."""
        uniform = torch.rand(len(values), dtype=torch.float64, device=random.device, generator=random)
        within = (uniform * self.counts[values]).long()
        return self.rows[self.start[values] + within]

    def cross_entropy(self, logits: Tensor, values: Tensor) -> Tensor:
        """Return how far generated rows are from what was asked for: the mean cross-entropy of the columns that were chosen.

        Args:
            logits: ``[n, W]``, before the softmax.
            values: asked for, ``[n]``.
        """
        others = self.column[values][:, None] != self.column
        return torch.nn.functional.cross_entropy(logits[:, self.logits].float().masked_fill(others, -torch.inf), values)


def _draw(cumulative: Tensor, uniform: Tensor) -> Tensor:
    """Return the place of each of ``[n]`` numbers in [0, 1) among cumulative probabilities; none of probability 0."""
    return torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)


def _one_hot(values: Tensor, count: int) -> Tensor:
    return (values[:, None] == torch.arange(count, device=values.device)).float()

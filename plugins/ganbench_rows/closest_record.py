"""Whether generated rows are copies: how near the closest record of the train split is, beside how near its own records are to each other.

The distance of two rows is Euclidean, over numbers in standard deviations of the train split and with 1 for each category that differs.
The ratio is the median distance of a generated row to the closest train row over the median distance of a train row to the closest other
one: below that of held-out rows, which stands beside it as real against real, the generator has copied. What is ranked is how far the ratio
is from 1, because noise, which is near nothing, betrays nobody and is of no use. Not a proof of privacy: a rare row may be copied unseen.

No published definition is followed to the letter: the distance to the closest record (DCR) has many. Compare with held-out rows only.

Shapes: N train rows, M generated rows, F numbers of a row in which distances are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet, UnsuitableError
from ganbench_rows.columns import Category
from ganbench_rows.space import RowSpace, rows_of

_BLOCK = 1000
_SAME = 1e-9


def spread_out(space: RowSpace, rows: Tensor, train: Tensor) -> Tensor:
    """Return rows ``[N, C]`` as distances are taken, ``[N, F]`` float64.

    Args:
        space: of both.
        rows: which are wanted.
        train: whose standard deviations are units.
    """
    parts = []
    for place, column in enumerate(space.columns):
        values = rows[:, place].double()
        if isinstance(column, Category):
            parts.append((values[:, None] == torch.arange(column.width)).double() / 2**0.5)
        else:
            parts.append((values / train[:, place].double().std().clamp_min(torch.finfo(torch.float64).tiny))[:, None])
    return torch.cat(parts, dim=1)


def closest(rows: Tensor, others: Tensor, *, is_same: bool = False) -> Tensor:
    """Return the distance of each row ``[M, F]`` to the closest of the others, ``[M]``.

    Args:
        rows: which.
        others: ``[N, F]``.
        is_same: whether both are one set, in which none is its own neighbour.
    """
    found = []
    for start in range(0, len(rows), _BLOCK):
        distances = torch.cdist(rows[start : start + _BLOCK], others, compute_mode="donot_use_mm_for_euclid_dist")
        if is_same:
            at = torch.arange(len(distances))
            distances[at, start + at] = torch.inf
        found.append(distances.min(1).values)
    return torch.cat(found)


@dataclass(frozen=True, slots=True)
class ClosestRecordMetric:
    """How far the ratio of distances is from 1 (ranked), the ratio, and the share of generated rows that are train rows."""

    implementation: str = "closest-record-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="control", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (|ratio - 1|, ratio, share of copies).

        Raises:
            UnsuitableError: more than half of the train rows are there twice.
        """
        space = rows_of(real.space)
        assert real.samples is not None
        assert fake.samples is not None
        train, generated = (spread_out(space, rows, real.samples) for rows in (real.samples, fake.samples))
        among, distances = closest(train, train, is_same=True).median(), closest(generated, train)
        if float(among) < _SAME:
            what = "closest_record compares with the distance of train rows to each other, and more than half of them are there twice"
            raise UnsuitableError(what, hint="choose another metric")
        ratio = float(distances.median() / among)
        return abs(ratio - 1), ratio, float((distances < _SAME).double().mean())


def build(options: object) -> ClosestRecordMetric:
    """Build the metric."""
    return ClosestRecordMetric()

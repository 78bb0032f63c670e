"""Steps in a series: where a level changes for good, told from noise by ranks, so that one odd run is no step.

A split is looked for where the ranks of both sides differ most (Pettitt's statistic, 1979, standardised by the sizes of the sides), and
holds if no more than :data:`ALPHA` of 999 random orders of the same values have as good a split. Both sides are then split further. What
differs by no more than the metric's threshold is joined again, the smallest difference first.

@RATES@
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ALPHA = 0.01
"""Probability of any split in a series that has none, whatever its distribution, as long as its points are independent."""
MIN_SIDE = 3
"""Points on either side of a step: one or two odd ones at the end are no level yet."""
MIN_POINTS = 12
"""With fewer, no order of the values is rare enough."""
_ORDERS = 999


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A change of level."""

    index: int
    """The first point of the new level, which is right to a few points."""
    before: float
    """Median of the level before."""
    after: float
    p_value: float
    """Of the split; 0 where values were exact."""


def find_steps(values: Sequence[float], *, threshold: float) -> tuple[Step, ...]:
    """Return the steps of a series, oldest first.

    Args:
        values: logarithms, or infinite for a run that diverged; in order of time.
        threshold: how much two levels must differ, on the same scale.
    """
    if len(values) < MIN_POINTS:
        return ()
    array = np.asarray(values, dtype=np.float64)
    splits = dict(_splits(array, 0, np.random.default_rng(0)))
    kept = _joined(array, sorted(splits), threshold)
    edges = [0, *kept, len(array)]
    return tuple(
        Step(index=split, before=_median(array[start:split]), after=_median(array[split:end]), p_value=splits[split])
        for start, split, end in zip(edges, kept, edges[2:], strict=False)
    )


def find_changes(values: Sequence[float], *, threshold: float) -> tuple[Step, ...]:
    """Return the steps of a series without noise: wherever a value differs from the one before."""
    pairs = enumerate(itertools.pairwise(values), start=1)
    return tuple(
        Step(index=i, before=old, after=new, p_value=0.0) for i, (old, new) in pairs if old != new and not abs(new - old) <= threshold
    )


def _splits(values: NDArray[np.float64], offset: int, random: np.random.Generator) -> Iterator[tuple[int, float]]:
    """Yield the place of each split with its p."""
    if len(values) < MIN_POINTS:
        return
    ranks = stats.rankdata(values)
    split, strength = _best_split(ranks)
    orders = random.permuted(np.tile(ranks, (_ORDERS, 1)), axis=1)
    as_good = int((_strengths(orders).max(axis=1) >= strength - 1e-9).sum())
    p_value = (1 + as_good) / (1 + _ORDERS)
    if p_value > ALPHA:
        return
    yield offset + split, p_value
    yield from _splits(values[:split], offset, random)
    yield from _splits(values[split:], offset + split, random)


def _best_split(ranks: NDArray[np.float64]) -> tuple[int, float]:
    strengths = _strengths(ranks[None])[0]
    best = int(strengths.argmax())
    return best + MIN_SIDE, float(strengths[best])


def _strengths(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much the ranks of both sides differ, in units of chance, for each split that leaves enough on both; ``[n, splits]``."""
    count = ranks.shape[1]
    sizes = np.arange(MIN_SIDE, count - MIN_SIDE + 1)
    sums = ranks.cumsum(axis=1)[:, MIN_SIDE - 1 : count - MIN_SIDE]
    strengths: NDArray[np.float64] = np.abs(sums - sizes * (count + 1) / 2) / np.sqrt(sizes * (count - sizes))
    return strengths


def _joined(values: NDArray[np.float64], splits: list[int], threshold: float) -> list[int]:
    """Return the splits that are left when levels that hardly differ are joined."""
    while splits:
        edges = [0, *splits, len(values)]
        medians = [_median(values[start:end]) for start, end in itertools.pairwise(edges)]
        sizes = [_distance(old, new) for old, new in itertools.pairwise(medians)]
        smallest = min(range(len(sizes)), key=sizes.__getitem__)
        if sizes[smallest] > threshold:
            return splits
        splits = splits[:smallest] + splits[smallest + 1 :]
    return splits


def _distance(one: float, other: float) -> float:
    return 0.0 if one == other else abs(other - one)


def _median(values: NDArray[np.float64]) -> float:
    """Return the lower median: of two middle values, of which one may be infinite, no mean is taken."""
    return float(np.sort(values)[(len(values) - 1) // 2]) if len(values) else math.nan

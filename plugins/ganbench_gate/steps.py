"""Steps in a series: where a level changes for good, told from noise by ranks, so that one odd run is no step.

A split is looked for where the mean ranks on both sides differ most in units of chance; the level after it may end before the series does
(as in E-divisive: Matteson and James, 2014, arXiv:1306.4933), so that a step that was undone is seen too. It holds if no more than
:data:`ALPHA` of 1,000 orders of the same values, the observed one among 999 random ones, have as good a split. Both sides are then split
further. Levels that differ by no more than the metric's threshold are joined again, the smallest difference first.

False alarms, measured by simulation. Any step without a threshold, in 1,000 series of 12, 20, 50 and 100 independent points: 0.7, 0.9,
0.5 and 0.6 percent (normal), 0.8, 0.7, 1.4 and 0.8 (Student's t with 3 degrees of freedom). Neighbours that are alike break the promise:
with an autocorrelation of 0.3 it is 4, 6, 11 and 16 percent, with 0.6 12 to 69. The threshold makes up for that: past 10 percent, among 5
percent of noise, 400 series of 20 and 50 points had none (independent), 0.5 percent (0.3) and 3 and 4 percent (0.6); among 3 percent of
noise none had any. A history that grows from 12 to 112 commits is looked at 101 times: of 50 with 5 percent of noise 1 failed at some
time by a false step for the worse past 10 percent (independent), and 2 (0.3). Power, after 20 commits with 3 percent of noise, of 60
series: a slowdown of 10 percent against a threshold of 5 was found after 5 commits in 73 percent and after 7 in all; one of 20 percent
against 10 in 90 percent and in all. ``tests/gate/test_steps.py`` repeats a part of this.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.01
"""Probability of any split in a series that has none, whatever its distribution, as long as its points are independent."""
MIN_SIDE = 3
"""Points on either side of a step: one or two odd ones at the end are no level yet."""
MIN_POINTS = 12
"""With fewer, no order of the values is rare enough."""
_ORDERS = 999
_MOST_ENDS = 60
"""Places at which the level after a split may end; a longer series is not searched at every point."""
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A change of level."""

    index: int
    """The first point of the new level, which is right to a few points."""
    before: float
    """Median of the level before."""
    after: float
    p_value: float
    """How likely such a split is by chance; 0 where values were exact."""


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
    from scipy import stats  # late: it takes a second

    ranks = stats.rankdata(values)
    orders = random.permuted(np.tile(ranks, (1 + _ORDERS, 1)), axis=1)
    orders[0] = ranks  # the order that was observed is one of those that could have been
    strengths, splits = _best_splits(orders)
    p_value = float((strengths >= strengths[0] - _ROUNDING).mean())
    if p_value > ALPHA:
        return
    split = int(splits[0])
    yield offset + split, p_value
    yield from _splits(values[:split], offset, random)
    yield from _splits(values[split:], offset + split, random)


def _best_splits(orders: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return for each order of the ranks, ``[n, points]``, how much both sides of its best split differ, and where that is."""
    count = orders.shape[1]
    sums = np.concatenate([np.zeros((len(orders), 1)), orders.cumsum(axis=1)], axis=1)
    best, where = np.full(len(orders), -1.0), np.zeros(len(orders), dtype=np.int64)
    for end in np.unique(np.linspace(2 * MIN_SIDE, count, _MOST_ENDS).astype(int)):
        left = np.arange(MIN_SIDE, end - MIN_SIDE + 1)
        right = end - left
        means = sums[:, left] / left - (sums[:, end, None] - sums[:, left]) / right
        strengths = np.abs(means) * np.sqrt(left * right / end)
        places = strengths.argmax(axis=1)
        found = np.take_along_axis(strengths, places[:, None], axis=1)[:, 0]
        where = np.where(found > best + _ROUNDING, left[places], where)
        best = np.maximum(best, found)
    return best, where


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

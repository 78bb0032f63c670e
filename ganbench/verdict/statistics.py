"""Logarithms of ratios, and the smallest change that could have been seen.

Two groups of unpaired values: the exact Mann-Whitney test, and the Hodges-Lehmann shift with the interval that belongs to it.

Values may be infinite: a run that diverged is worse than all others, and as bad as another that did. Ties are exact too.
Mann and Whitney (1947), Hodges and Lehmann (1963); without ties p agrees with ``scipy.stats.mannwhitneyu(method="exact")``.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

_POWER = 0.8
"""Probability with which the smallest visible change is seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """How much worse head is, on a logarithmic scale or in units of :attr:`scale`: above 0 is worse. Ends may be infinite."""

    center: float
    low: float
    high: float
    p_value: float | None = None
    """Two-sided, adjusted for the looks; None where nothing was tested."""
    smallest_p: float = 0.0
    """The smallest p that so many values can give."""
    confidence: float | None = None
    """How sure the interval from low to high is; None where it is the range."""
    visible: float | None = None
    """The smallest effect that would have been seen with a probability of :data:`_POWER`; None where no effect could."""
    scale: float | None = None
    """What the effect is in units of; None where it is a logarithm of a ratio."""

    def as_change(self, worsening: float) -> float:
        """Return a number of this effect as a relative change."""
        return as_change(worsening) if self.scale is None else worsening + 0.0


def log_ratio(base: float, head: float) -> float:
    """Return ln(head / base), exactly opposite when the two are exchanged; infinite where one of them is 0.

    Args:
        base: 0 or more.
        head: 0 or more.
    """
    if base == head:
        return 0.0
    if base == 0 or head == 0:
        return math.inf if base == 0 else -math.inf
    return math.log(head / base) if head > base else -math.log(base / head)


def as_change(log: float) -> float:
    """Return a logarithm of a ratio as a relative change: ln 1.1 is 0.1."""
    return math.expm1(log) + 0.0 if log < 700 else math.inf  # never -0.0


def visible_between_groups(deviation: float, num_base: int, num_head: int, *, alpha: float = 0.05) -> float:
    """Return the smallest difference of the means of two groups that is told from none with a probability of :data:`_POWER`.

    Args:
        deviation: standard deviation within a group.
        num_base: values in one group.
        num_head: values in the other; together at least 3.
        alpha: of the two-sided test.
    """
    freedom = num_base + num_head - 2
    quantiles = _t_quantile(1 - alpha / 2, freedom) + _t_quantile(_POWER, freedom)
    return quantiles * deviation * math.sqrt(1 / num_base + 1 / num_head)


def pooled_deviation(base: Sequence[float], head: Sequence[float]) -> float | None:
    """Return the standard deviation within two groups of finite values; None where no group has two."""
    groups = [group for group in (base, head) if len(group) > 1]
    if not groups:
        return None
    squares = sum((len(group) - 1) * statistics.variance(group) for group in groups)
    return math.sqrt(squares / sum(len(group) - 1 for group in groups))


def _t_quantile(probability: float, freedom: int) -> float:
    return float(special.stdtrit(freedom, probability))


_MOST_EXACT = 50
"""Above so many values in all, the distribution of ranks is as good as normal, and its counts no longer fit a float."""


def rank_effect(base: Sequence[float], head: Sequence[float], *, alpha: float) -> Effect | None:
    """Return the shift from base to head, the interval of the shifts that the test does not reject, and its p.

    Args:
        base: one logarithm for each run, larger is worse; infinite where it diverged.
        head: the same.
        alpha: two-sided.

    Returns:
        The effect; its interval is open on both ends where no ranks could be significant. None where a side is empty.
    """
    if not base or not head:
        return None
    shifts = sorted(0.0 if b == h else h - b for b in base for h in head)  # equal ones may be infinite
    inside = _first_inside(len(base), len(head), alpha)
    return Effect(
        center=statistics.median(shifts),
        low=shifts[inside] if inside is not None else -math.inf,
        high=shifts[-1 - inside] if inside is not None else math.inf,
        p_value=_rank_p(base, head),
        smallest_p=smallest_rank_p(len(base), len(head)),
        confidence=1 - alpha,
        visible=_visible(base, head, alpha) if inside is not None else None,
    )


def _rank_p(base: Sequence[float], head: Sequence[float]) -> float:
    """Return the two-sided p of the Mann-Whitney test; exact, also with ties, up to 50 values."""
    from scipy import stats  # late: it takes a second

    doubled = tuple(int(2 * rank) for rank in stats.rankdata([*base, *head]))  # twice the rank, so that the mean of ties is whole
    if len(base) + len(head) > _MOST_EXACT:
        if len({*base, *head}) == 1:
            return 1.0
        return float(stats.mannwhitneyu(doubled[: len(base)], doubled[len(base) :], method="asymptotic").pvalue)
    counts = _rank_sums(tuple(sorted(doubled)), len(base))
    observed = sum(doubled[: len(base)])
    return float(min(1.0, 2 * min(counts[: observed + 1].sum(), counts[observed:].sum()) / counts.sum()))


def smallest_rank_p(num_base: int, num_head: int) -> float:
    """Return the smallest two-sided p that so many values can give: 0.1 for 3 against 3."""
    return min(1.0, 2 / math.comb(num_base + num_head, num_base))


def fewest_against(num_base: int, *, alpha: float) -> int:
    """Return how many values are the fewest against so many others that can be significant; 0 where none are enough."""
    return next((n for n in range(1, 201) if smallest_rank_p(num_base, n) < alpha), 0)


def _first_inside(num_base: int, num_head: int, alpha: float) -> int | None:
    """Return how many of the sorted shifts lie outside the interval at each end; None where the interval is open."""
    if num_base + num_head > _MOST_EXACT:
        pairs, spread = num_base * num_head, math.sqrt(num_base * num_head * (num_base + num_head + 1) / 12)
        return max(0, math.floor(pairs / 2 + statistics.NormalDist().inv_cdf(alpha / 2) * spread) - 1)
    counts = _rank_sums(tuple(range(2, 2 * (num_base + num_head) + 1, 2)), num_base)[::2]
    counts = counts[num_base * (num_base + 1) // 2 :]  # by the statistic U
    tails = 2 * counts.cumsum() / counts.sum()
    rejected = int((tails < alpha).sum())
    return rejected - 1 if rejected > 0 else None


@functools.lru_cache(maxsize=64)
def _rank_sums(doubled: tuple[int, ...], size: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return in how many ways ``size`` of the doubled ranks have each sum."""
    ways = np.zeros((size + 1, sum(doubled) + 1))
    ways[0, 0] = 1
    for rank in doubled:
        for taken in range(size, 0, -1):
            ways[taken, rank:] += ways[taken - 1, : ways.shape[1] - rank]
    row: np.ndarray[tuple[int], np.dtype[np.float64]] = ways[size]
    return row


def _visible(base: Sequence[float], head: Sequence[float], alpha: float) -> float | None:
    """Return what Student's test would see with the spread of the finite values, which ranks match to a few percent."""
    finite = [[value for value in group if math.isfinite(value)] for group in (base, head)]
    deviation = pooled_deviation(*finite)
    return None if deviation is None else visible_between_groups(deviation, len(base), len(head), alpha=alpha)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p values that hold for all tests together: the smallest times their number, the next times one less, and so on."""
    adjusted, worst = [1.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = worst
    return tuple(adjusted)


def testable(smallest_p: Sequence[float], *, alpha: float) -> tuple[int, ...]:
    """Return the tests that could be significant beside the others; the rest never could, and cost the others nothing.

    Args:
        smallest_p: for each test the smallest p that its number of values can give, known before anything is measured.
        alpha: of all tests together.

    Returns:
        Indices, for the smallest k such that at most k tests can reach alpha / k.
    """
    for k in range(1, len(smallest_p) + 1):
        able = tuple(i for i, p in enumerate(smallest_p) if p < alpha / k)
        if len(able) <= k:
            return able
    return ()

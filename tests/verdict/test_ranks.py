"""Exact ranks: against scipy where there are no ties, against counting where there are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganbench.verdict.statistics import _rank_p, fewest_against, rank_effect, smallest_rank_p

VALUES = st.floats(-10, 10, allow_nan=False).map(lambda x: round(x, 3))
GROUP = st.lists(VALUES, min_size=2, max_size=7)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 10), (5, 5), (12, 7), (1, 9)])
def test_p_is_scipys_where_no_values_are_equal(sizes: tuple[int, int]) -> None:
    """Ten draws of each size."""
    rng = np.random.default_rng(sum(sizes))
    for _ in range(10):
        base, head = rng.normal(size=sizes[0]), rng.normal(size=sizes[1]) + 1
        assert _rank_p(list(base), list(head)) == pytest.approx(stats.mannwhitneyu(base, head, method="exact").pvalue)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_p_counts_all_divisions_of_the_values_where_some_are_equal(base: list[int], head: list[int]) -> None:
    """Every way to choose base's places among the ranks is equally likely."""
    ranks = stats.rankdata([*base, *head])
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(base))]
    observed = ranks[: len(base)].sum()
    expected = 2 * min(np.mean([s <= observed for s in sums]), np.mean([s >= observed for s in sums]))
    assert _rank_p(base, head) == pytest.approx(min(1.0, expected))


def test_three_against_three_is_never_significant() -> None:
    """The farthest apart that they can be gives 0.1, and an open interval."""
    effect = rank_effect([1.0, 2.0, 3.0], [101.0, 102.0, 103.0], alpha=0.05)
    assert effect is not None
    assert effect.p_value == pytest.approx(0.1)
    assert effect.smallest_p == pytest.approx(0.1)
    assert (effect.center, effect.low, effect.high, effect.visible) == (100.0, -math.inf, math.inf, None)


@pytest.mark.parametrize(("others", "needed"), [(3, 5), (4, 4), (5, 3), (10, 2), (1, 40)])
def test_the_fewest_that_can_be_significant(others: int, needed: int) -> None:
    """One less cannot."""
    assert fewest_against(others, alpha=0.05) == needed
    assert smallest_rank_p(others, needed) < 0.05 <= smallest_rank_p(others, needed - 1)


@given(GROUP, GROUP)
def test_the_interval_excludes_zero_exactly_where_the_test_rejects(base: list[float], head: list[float]) -> None:
    """The interval holds the shifts that the test does not reject; ties may only make it more careful."""
    effect = rank_effect(base, head, alpha=0.05)
    assert effect is not None
    assert effect.p_value is not None
    excludes = effect.low > 0 or effect.high < 0
    if len({*base, *head}) == len(base) + len(head):
        assert excludes == (effect.p_value < 0.05)
    assert effect.low <= effect.center <= effect.high


@given(GROUP, GROUP)
def test_exchanging_the_groups_mirrors_the_shift(base: list[float], head: list[float]) -> None:
    """Center, ends and p."""
    there, back = rank_effect(base, head, alpha=0.05), rank_effect(head, base, alpha=0.05)
    assert there is not None
    assert back is not None
    assert (there.center, there.low, there.high) == (-back.center, -back.high, -back.low)
    assert there.p_value == back.p_value


def test_what_diverged_is_the_worst_of_all_and_shifts_everything_only_as_a_majority() -> None:
    """Two runs of five that diverged leave the middle shift finite, and the interval open on the worse side."""
    base = [0.0, 0.1, 0.2, 0.3, 0.4]
    few = rank_effect(base, [0.05, 0.15, 0.25, math.inf, math.inf], alpha=0.05)
    most = rank_effect(base, [0.05, math.inf, math.inf, math.inf, math.inf], alpha=0.05)
    assert few is not None
    assert most is not None
    assert math.isfinite(few.center)
    assert few.high == math.inf
    assert (most.center, most.p_value) == (math.inf, pytest.approx(_rank_p(base, [0.05, 1, 1, 1, 1])))


def test_two_runs_that_diverged_are_equally_bad() -> None:
    """Infinity against infinity is no shift, not a NaN."""
    effect = rank_effect([math.inf] * 4, [math.inf] * 4, alpha=0.05)
    assert effect is not None
    assert (effect.low, effect.center, effect.high, effect.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_many_values_take_the_normal_distribution() -> None:
    """Where exact counts would not fit, p and interval are close to scipy's and to the means'."""
    rng = np.random.default_rng(0)
    base, head = rng.normal(size=60), rng.normal(size=70) + 0.5
    effect = rank_effect(list(base), list(head), alpha=0.05)
    assert effect is not None
    assert effect.p_value == pytest.approx(stats.mannwhitneyu(base, head, method="asymptotic").pvalue)
    expected = stats.ttest_ind(head, base).confidence_interval()
    assert (effect.low, effect.high) == pytest.approx((expected.low, expected.high), abs=0.1)
    assert _rank_p([1.0] * 60, [1.0] * 60) == 1.0


def test_an_empty_side_has_no_effect() -> None:
    """Nor has nothing against nothing."""
    assert rank_effect([], [1.0], alpha=0.05) is None
    assert rank_effect([1.0], [], alpha=0.05) is None

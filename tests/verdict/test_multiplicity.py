"""Holm's correction and the tests that could be significant at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.verdict.statistics import holm
from ganbench.verdict.statistics import testable as able

PROBABILITIES = st.lists(st.floats(0, 1), max_size=8)


def test_holm_multiplies_the_smallest_most() -> None:
    """The example of three tests."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.6, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


@given(PROBABILITIES)
def test_holm_keeps_the_order_and_is_no_harder_than_bonferroni(p_values: list[float]) -> None:
    """And never below the p itself."""
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)
    for p, one in zip(p_values, adjusted, strict=True):
        assert p <= one <= min(1.0, len(p_values) * p) or one == p


def test_what_can_never_be_significant_costs_the_others_nothing() -> None:
    """Twenty comparisons of 3 against 3 beside one of 5 against 10."""
    assert able([0.1] * 20 + [0.0007], alpha=0.05) == (20,)


def test_all_take_part_where_all_could_be_significant() -> None:
    """Student's test has no smallest p."""
    assert able([0.0] * 4, alpha=0.05) == (0, 1, 2, 3)


def test_none_takes_part_where_there_are_too_many_for_their_size() -> None:
    """24 cells of 3 against 10 seeds: each could be significant alone, none among so many."""
    assert able([0.007] * 24, alpha=0.05) == ()
    assert able([0.007] * 7, alpha=0.05) == tuple(range(7))
    assert able([], alpha=0.05) == ()

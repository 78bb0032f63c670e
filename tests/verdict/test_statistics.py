"""Logarithms of ratios, and the smallest visible change between groups."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.verdict.statistics import as_change, log_ratio, pooled_deviation, visible_between_groups


@pytest.mark.parametrize(("base", "head", "visible"), [(3, 3, 0.15), (5, 10, 0.08), (10, 5, 0.08)])
def test_what_seeds_can_see_at_a_variation_of_5_percent(base: int, head: int, visible: float) -> None:
    """15 percent with 3 against 3 seeds, 8 percent with 5 against 10."""
    assert visible_between_groups(0.05, base, head) == pytest.approx(visible, abs=0.005)


def test_the_deviation_within_groups_leaves_out_their_distance() -> None:
    """Two groups far apart; a group of one has none."""
    assert pooled_deviation([1.0, 3.0], [101.0, 103.0]) == pytest.approx(math.sqrt(2))
    assert pooled_deviation([1.0, 3.0], [7.0]) == pytest.approx(math.sqrt(2))
    assert pooled_deviation([1.0], [7.0]) is None


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_a_ratio_and_its_reverse_are_exactly_opposite(base: float, head: float) -> None:
    """So that exchanging base and head mirrors every verdict; a factor of 2 on both changes no bit."""
    assert log_ratio(base, head) == -log_ratio(head, base)
    assert log_ratio(4 * base, 4 * head) == log_ratio(base, head)


def test_ratios_of_zero_are_infinite_or_nothing() -> None:
    """0 to 0 is no change."""
    assert (log_ratio(0, 0), log_ratio(0, 2), log_ratio(2, 0)) == (0.0, math.inf, -math.inf)


def test_logarithms_come_back_as_relative_changes() -> None:
    """Ends that are open stay open, and zero has no sign."""
    assert as_change(math.log(1.1)) == pytest.approx(0.1)
    assert (as_change(math.inf), as_change(1000.0), as_change(-math.inf)) == (math.inf, math.inf, -1.0)
    assert math.copysign(1, as_change(-0.0)) == 1

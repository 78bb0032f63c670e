"""Medians with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench_bench.interval import Interval


@pytest.mark.slow
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=12))
def test_the_median_lies_in_its_interval_and_that_among_the_values(values: list[float]) -> None:
    """Whatever the values are."""
    interval = Interval.of(values)
    assert interval.median == pytest.approx(np.median(values))
    slack = 1e-9
    assert min(values) - slack <= interval.low <= interval.median + slack
    assert interval.median - slack <= interval.high <= max(values) + slack


def test_equal_values_leave_no_doubt() -> None:
    """An interval of length 0."""
    interval = Interval.of([2.5] * 7)
    assert (interval.low, interval.high, interval.half_width) == (2.5, 2.5, 0.0)


def test_the_interval_is_wider_where_the_values_differ_more() -> None:
    """Twice the spread, twice the width."""
    narrow = Interval.of([1.0, 1.1, 1.2, 1.3, 1.4])
    wide = Interval.of([2.0, 2.2, 2.4, 2.6, 2.8])
    assert wide.half_width == pytest.approx(2 * narrow.half_width)
    assert 0 < narrow.half_width <= 0.2


def test_another_unit_scales_all_three() -> None:
    """Seconds to microseconds."""
    assert Interval(median=2.0, low=1.0, high=4.0).scaled(1e6) == Interval(median=2e6, low=1e6, high=4e6)


def test_the_same_values_give_the_same_interval() -> None:
    """The bootstrap has a fixed seed."""
    values = list(np.random.default_rng(1).normal(size=9))
    assert Interval.of(values) == Interval.of(values)

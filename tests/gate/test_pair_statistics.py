"""What pairs say together: Student's interval of the mean logarithm, and the shift between the blocks of a pair."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganbench_gate.paired import log_shift, mean_effect

LOGS = [0.021, -0.013, 0.034, 0.008, 0.027]


def test_the_mean_has_students_interval_and_p() -> None:
    """One look: what scipy gives."""
    effect = mean_effect(LOGS, alpha=0.05)
    expected = stats.ttest_1samp(LOGS, 0)
    interval = expected.confidence_interval(0.95)
    assert effect is not None
    assert effect.center == pytest.approx(np.mean(LOGS))
    assert (effect.low, effect.high) == pytest.approx((interval.low, interval.high))
    assert (effect.p_value, effect.confidence) == (pytest.approx(expected.pvalue), 0.95)


def test_three_looks_cost_bonferronis_price() -> None:
    """The interval is wider and p is three times as large."""
    one, three = mean_effect(LOGS, alpha=0.05), mean_effect(LOGS, alpha=0.05, num_looks=3)
    assert one is not None
    assert three is not None
    assert one.p_value is not None
    assert three.p_value == pytest.approx(3 * one.p_value)
    interval = stats.ttest_1samp(LOGS, 0).confidence_interval(1 - 0.05 / 3)
    assert (three.low, three.high) == pytest.approx((interval.low, interval.high))


def test_one_pair_has_an_open_interval_and_none_has_no_effect() -> None:
    """A single ratio says nothing about its spread."""
    effect = mean_effect([0.5], alpha=0.05)
    assert effect is not None
    assert (effect.low, effect.high, effect.p_value, effect.visible) == (-math.inf, math.inf, 1.0, None)
    assert mean_effect([], alpha=0.05) is None


@pytest.mark.parametrize(("log", "p_value"), [(0.0, 1.0), (0.25, 0.0)])
def test_equal_ratios_have_an_interval_without_length(log: float, p_value: float) -> None:
    """No spread divides nothing by zero."""
    effect = mean_effect([log] * 5, alpha=0.05)
    assert effect is not None
    assert (effect.low, effect.center, effect.high, effect.p_value) == (log, log, log, p_value)


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize("kind", ["normal", "student", "outliers"])
@pytest.mark.parametrize("count", [5, 8, 12])
def test_the_interval_misses_the_truth_no_more_often_than_it_says(kind: str, count: int) -> None:
    """At the level of one of three looks, for normal values and for heavy tails."""
    rng = np.random.default_rng(count)
    draw = {
        "normal": lambda: rng.normal(size=count),
        "student": lambda: rng.standard_t(3, size=count),
        "outliers": lambda: rng.normal(size=count) * np.where(rng.random(count) < 0.1, 5, 1),
    }[kind]
    effects = [mean_effect(list(draw()), alpha=0.05, num_looks=3) for _ in range(1000)]
    missed = sum(effect.low > 0 or effect.high < 0 for effect in effects if effect)
    assert missed <= 30  # 16.7 are expected, and more than 30 of 1000 happen by chance once in a thousand times


@pytest.mark.slow
def test_the_smallest_visible_change_is_seen_with_a_probability_of_80_percent() -> None:
    """Shift normal values by what a sample of that spread calls visible, and count."""
    rng = np.random.default_rng(3)
    samples = rng.normal(size=(2000, 8))
    typical = math.sqrt(1 / 8) * (stats.t.ppf(0.975, 7) + stats.t.ppf(0.8, 7))
    seen = sum(effect.low > 0 for row in samples + typical if (effect := mean_effect(list(row), alpha=0.05)))
    assert seen / 2000 == pytest.approx(0.8, abs=0.04)


def test_the_shift_is_the_median_of_all_ratios() -> None:
    """Three against two samples have six; the slow block of a busy machine hardly moves it."""
    assert log_shift([1.0, 2.0, 4.0], [3.0, 6.0]) == pytest.approx((math.log(1.5) + math.log(3.0)) / 2)
    assert log_shift([1.0] * 10, [1.1] * 8 + [9.0] * 2) == pytest.approx(math.log(1.1))
    assert log_shift([5.0], [5.0]) == 0.0


SAMPLES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=9)


@pytest.mark.slow
@given(SAMPLES, SAMPLES, st.integers(-20, 20))
def test_the_shift_mirrors_and_knows_no_unit(base: list[float], head: list[float], power: int) -> None:
    """Exchanging the sides reverses its sign to the last bit, and a factor of 2 on both changes no bit."""
    shift = log_shift(base, head)
    assert log_shift(head, base) == -shift
    assert log_shift([2.0**power * x for x in base], [2.0**power * x for x in head]) == shift


def test_the_shift_varies_less_than_the_medians_where_half_of_the_blocks_are_disturbed() -> None:
    """2,000 pairs of 28 blocks, each of which takes half as long again with a probability of a half."""
    random = np.random.default_rng(0)
    disturbed = np.where(random.random((2, 2000, 28)) < 0.5, 1.5, 1.0) * random.lognormal(0, 0.02, (2, 2000, 28))
    shifts = [log_shift(base, head) for base, head in zip(*disturbed, strict=True)]
    medians = np.log(np.median(disturbed[1], axis=1) / np.median(disturbed[0], axis=1))
    assert np.std(shifts) < 0.6 * np.std(medians)

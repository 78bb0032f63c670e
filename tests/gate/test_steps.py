"""Steps are found where they are, and hardly ever where there is none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench_gate.steps import ALPHA, MIN_POINTS, MIN_SIDE, find_changes, find_steps

LIMIT = math.log1p(0.1)


def noise(count: int, seed: int, spread: float = 0.03) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, count)


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("threshold", [0.0, LIMIT])
@pytest.mark.parametrize("count", [MIN_POINTS, 40])
def test_noise_has_a_step_no_more_often_than_stated(threshold: float, count: int) -> None:
    """200 series without a step: at most 1 percent by the test alone, and four standard errors of chance; none beyond the threshold."""
    found = sum(bool(find_steps(noise(count, seed), threshold=threshold)) for seed in range(200))
    assert found <= (0 if threshold else 200 * ALPHA + 4 * math.sqrt(200 * ALPHA))


@pytest.mark.slow
@pytest.mark.parametrize("heavy", [True, False])
def test_the_rate_does_not_depend_on_the_distribution(heavy: bool) -> None:
    """Ranks know no outliers: Student's t with 2 degrees of freedom, or a few large values among equal ones."""
    random = np.random.default_rng(0)
    draw = (lambda: random.standard_t(2, 30)) if heavy else (lambda: random.choice([0.0, 0.0, 0.0, 5.0], 30))
    assert sum(bool(find_steps(draw(), threshold=0.0)) for _ in range(200)) <= 200 * ALPHA + 4 * math.sqrt(200 * ALPHA)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_is_found_where_it_is(sign: int) -> None:
    """20 percent among 3 percent of noise, in either direction, to a point or two."""
    values = sign * (noise(40, 1) + np.where(np.arange(40) >= 30, 0.2, 0.0))
    (step,) = find_steps(values, threshold=LIMIT)
    assert abs(step.index - 30) <= 1
    assert step.after - step.before == pytest.approx(sign * 0.2, abs=0.05)
    assert step.p_value <= ALPHA


@pytest.mark.slow
def test_five_points_after_a_step_are_enough() -> None:
    """20 percent after 20 quiet commits is told in nine of ten histories when five commits have followed."""
    values = [noise(25, seed) + np.where(np.arange(25) >= 20, math.log(1.2), 0.0) for seed in range(40)]
    assert sum(bool(find_steps(one, threshold=LIMIT)) for one in values) >= 36


def test_a_small_step_is_none() -> None:
    """However certain, it is below the threshold."""
    values = noise(60, 2, 0.01) + np.where(np.arange(60) >= 30, 0.05, 0.0)
    assert find_steps(values, threshold=LIMIT) == ()
    assert len(find_steps(values, threshold=math.log1p(0.02))) == 1


def test_one_odd_point_is_no_step() -> None:
    """Nor are two at the end: a level has three points."""
    values = noise(40, 3)
    values[20] = 5.0
    values[-2:] = 5.0
    assert find_steps(values, threshold=LIMIT) == ()


def test_two_steps_are_both_found() -> None:
    """Down and up again: the second is in the part that the first leaves."""
    values = noise(60, 4) + np.where((np.arange(60) >= 20) & (np.arange(60) < 40), 0.3, 0.0)
    assert [step.index for step in find_steps(values, threshold=LIMIT)] == pytest.approx([20, 40], abs=1)


def test_runs_that_diverge_are_the_worst_level() -> None:
    """Infinite values rank last, whatever their size; the step has an infinite end."""
    values = [*noise(20, 5), *[math.inf] * 6]
    (step,) = find_steps(values, threshold=LIMIT)
    assert (step.index, step.after) == (20, math.inf)


def test_a_short_series_has_no_step() -> None:
    """Even a perfect one: so few orders are rare only by chance."""
    assert find_steps([0.0] * 5 + [1.0] * (MIN_POINTS - 6), threshold=LIMIT) == ()


def test_the_same_series_gives_the_same_steps() -> None:
    """The random orders have a fixed seed: a gate must not change its mind."""
    values = noise(40, 6) + np.where(np.arange(40) >= 33, 0.1, 0.0)
    assert find_steps(values, threshold=0.05) == find_steps(values, threshold=0.05)


@given(st.lists(st.floats(-3, 3) | st.just(math.inf), max_size=40))
@settings(max_examples=50, deadline=None)
def test_levels_always_have_three_points_and_differ_by_more_than_the_threshold(values: list[float]) -> None:
    """Whatever the series, also with equal and infinite values."""
    steps = find_steps(values, threshold=LIMIT)
    edges = [0, *(step.index for step in steps), len(values)]
    assert all(end - start >= MIN_SIDE for start, end in itertools.pairwise(edges)) or not steps
    assert all(abs(step.after - step.before) > LIMIT for step in steps)


def test_counts_change_from_one_point_to_the_next() -> None:
    """What has no noise needs no test, and a change within the threshold is none."""
    steps = find_changes([1.0, 1.0, 1.0005, 2.0, 2.0, 1.0], threshold=0.001)
    assert [(step.index, step.before, step.after) for step in steps] == [(3, 1.0005, 2.0), (5, 2.0, 1.0)]

"""The extrapolated Fréchet distance: the line is exact, the bias of a count is gone, and too few samples are refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import FrechetInfinityOptions
from ganbench_metrics.frechet import frechet_distance
from ganbench_metrics.frechet_infinity import build_frechet_infinity, counts_of, extrapolate

DIMS = 8


def normal(count: int, seed: int, shift: float = 0.0) -> SampleSet:
    features = torch.randn(count, DIMS, generator=torch.Generator().manual_seed(seed)) + shift
    statistics = FeatureStatistics(DIMS)
    statistics.update(features)
    return SampleSet(statistics=statistics, features=features)


REAL = normal(200_000, 0)


def compute(fake: SampleSet, **options: int) -> float:
    (value,) = build_frechet_infinity(FrechetInfinityOptions(**options)).compute(REAL, fake)
    return value


def test_a_bias_of_one_over_the_count_is_taken_out() -> None:
    """The line's value at 1 / N = 0, exactly."""
    counts = [100, 150, 400, 1000]
    assert extrapolate(counts, [3.0 + 250.0 / count for count in counts]) == pytest.approx(3.0, rel=1e-12)


def test_the_counts_are_evenly_spaced_from_a_tenth_or_from_enough_for_the_dimensions() -> None:
    """The article's 5,000 to 50,000 in 15 steps."""
    counts = counts_of(50_000, 64, 15)
    assert (counts[0], counts[-1], len(counts)) == (5_000, 50_000, 15)
    assert max(np.abs(np.diff(counts) - 45_000 / 14)) < 1
    assert all(a < b for a, b in pairwise(counts))
    assert counts_of(50_000, 2048, 15)[0] == 5_120


def test_samples_of_the_same_distribution_come_near_0() -> None:
    """Of 1,000 samples the distance is a bias of 0.02 to 0.04; extrapolated, less than a third of that is left on average."""
    fakes = [normal(1000, seed) for seed in range(1, 9)]
    plain = np.mean([frechet_distance(REAL, fake) for fake in fakes])
    extrapolated = np.mean([compute(fake) for fake in fakes])
    assert plain > 0.01
    assert abs(extrapolated) < plain / 3


def test_a_shift_is_found_in_full() -> None:
    """The squared length of the shift, which no count changes."""
    assert compute(normal(4000, 3, shift=0.5)) == pytest.approx(DIMS * 0.25, rel=0.05)


def test_equal_seeds_give_equal_values() -> None:
    """What is drawn depends on the seed alone."""
    fake = normal(500, 4)
    assert compute(fake) == compute(fake)
    assert compute(fake, seed=1) != compute(fake)


def test_too_few_samples_are_refused() -> None:
    """With the count that would do, and without the features there is nothing to draw from."""
    with pytest.raises(ConfigError, match=r"fd_inf needs 40 generated samples or more of 8 dimensions \(got 39\)"):
        compute(normal(39, 5))
    assert np.isfinite(compute(normal(40, 5)))
    with pytest.raises(ValueError, match="features of every sample"):
        compute(SampleSet())


def test_two_points_are_the_fewest() -> None:
    """A line needs them."""
    with pytest.raises(ValueError, match="num_points must be 2 or more"):
        FrechetInfinityOptions(num_points=1)

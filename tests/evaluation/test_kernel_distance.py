"""The kernel distance equals its definition and torch-fidelity's, in each of its three ways of summing."""

import dataclasses
import itertools
import math
from dataclasses import astuple

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import Needs, SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import KernelDistanceOptions, kernel_distance
from ganbench_metrics.kernel_distance import KernelDistanceMetric, build_kernel_distance, subset_kernel_distance, unbiased_mmd2


def features_of(count, dims, seed, shift=0.0):
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed)) + shift


def feature_set(features):
    return SampleSet(statistics=FeatureStatistics(features.shape[1]), features=features)


def by_definition(x, y):
    """Equation 4 of the paper, one pair at a time in Python floats."""

    def kernel(a, b):
        return (math.fsum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    x, y = x.tolist(), y.tolist()
    within = [math.fsum(kernel(a, b) for a, b in itertools.permutations(s, 2)) / (len(s) * (len(s) - 1)) for s in (x, y)]
    return sum(within) - 2 * math.fsum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))


@pytest.mark.parametrize(("n", "m", "dims"), [(2, 2, 1), (2, 5, 7), (40, 23, 3), (23, 40, 9)])
def test_it_equals_the_definition(n, m, dims):
    """Unequal counts, one dimension, two images: the unbiased estimate with every pair."""
    x, y = features_of(n, dims, 1), features_of(m, dims, 2, shift=0.5)
    assert unbiased_mmd2(x, y) == pytest.approx(by_definition(x, y), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("n", "m", "dims"), [(1500, 2100, 5), (1024, 1025, 40), (10, 2500, 3)])
def test_moments_and_tiles_of_pairs_agree(monkeypatch, n, m, dims):
    """The two ways to sum over pairs are equal to rounding, so the choice by cost changes no value, of subsets neither."""
    x, y = features_of(n, dims, 3), features_of(m, dims, 4, shift=0.2)
    options = KernelDistanceOptions(num_subsets=5, subset_size=10)
    found = []
    for cheaper in (False, True):
        monkeypatch.setattr(kernel_distance, "_moments_are_cheaper", lambda x, y, cheaper=cheaper: cheaper)
        found.append((unbiased_mmd2(x, y), *astuple(subset_kernel_distance(x, y, options))))
    assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-12)


def test_tiles_of_any_size_have_the_value_of_one_tile(monkeypatch):
    """Also those at the edges and on the diagonal."""
    x, y = features_of(40, 64, 3), features_of(53, 64, 4, shift=0.2)
    options = KernelDistanceOptions(num_subsets=5, subset_size=10)
    whole = (unbiased_mmd2(x, y), *astuple(subset_kernel_distance(x, y, options)))
    monkeypatch.setattr(kernel_distance, "TILE_ROWS", 7)
    monkeypatch.setattr(kernel_distance, "TILE_COLUMNS", 11)
    assert (unbiased_mmd2(x, y.clone()), *astuple(subset_kernel_distance(x, y.clone(), options))) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_tiles_in_float32_are_far_nearer_than_implementations_agree(monkeypatch, scale):
    """Features after a ReLU, so that all products have one sign; 1e-8 of the kernel's mean, where 1e-6 is asked for."""
    x, y = (scale * features_of(2100, 512, seed, shift=0.3 * seed).relu() for seed in (1, 2))
    assert len(x) * len(y) > kernel_distance.MANY_PAIRS
    options = KernelDistanceOptions(num_subsets=10, subset_size=100)
    kernel = float(((x[:300].double() @ y[:300].double().T) / 512 + 1).pow(3).mean())
    narrow = (unbiased_mmd2(x, y), *astuple(subset_kernel_distance(x, y, options)))
    monkeypatch.setattr(kernel_distance, "MANY_PAIRS", math.inf)
    y = y.clone()
    wide = (unbiased_mmd2(x, y), *astuple(subset_kernel_distance(x, y, options)))
    assert narrow != wide
    assert narrow == pytest.approx(wide, rel=0, abs=1e-8 * kernel)


def test_what_real_samples_are_to_each_other_is_summed_once(monkeypatch):
    """By the evaluations of a run, which all ask for the same subsets; others are summed anew."""
    real, calls = features_of(60, 16, 15), []
    within = kernel_distance._sums_within
    monkeypatch.setattr(kernel_distance, "_sums_within", lambda side: calls.append(len(side)) or within(side))
    options = KernelDistanceOptions(num_subsets=3, subset_size=20)
    first = subset_kernel_distance(features_of(50, 16, 1), real, options)
    subset_kernel_distance(features_of(50, 16, 2), real, options)
    assert calls.count(60) == 1
    subset_kernel_distance(features_of(50, 16, 2), real, dataclasses.replace(options, seed=4))
    assert calls.count(60) == 2
    assert subset_kernel_distance(features_of(50, 16, 1), real.clone(), options) == first


@pytest.mark.parametrize("dims", [8, 64])
def test_it_equals_torch_fidelity_on_the_same_subsets(dims):
    """Mean and standard deviation to 1e-6 absolute; torch-fidelity computes in the dtype that it is given."""
    x, y = features_of(400, dims, 5), features_of(500, dims, 6, shift=0.05)
    theirs = {
        dtype: kid_features_to_metric(x.to(dtype), y.to(dtype), kid_subsets=7, kid_subset_size=150, rng_seed=2020, verbose=False)
        for dtype in (torch.float32, torch.float64)
    }
    ours = subset_kernel_distance(x, y, KernelDistanceOptions(num_subsets=7, subset_size=150))
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        assert ours.mean == pytest.approx(theirs[dtype][KEY_METRIC_KID_MEAN], abs=tolerance)
        assert ours.std == pytest.approx(theirs[dtype][KEY_METRIC_KID_STD], abs=tolerance)


def test_equal_distributions_are_at_zero_on_average():
    """Unbiased: over many pairs of samples the mean lies within four standard errors of zero, and some values lie below it."""
    values = [unbiased_mmd2(features_of(30, 4, 2 * i), features_of(30, 4, 2 * i + 1)) for i in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(len(values))
    assert min(values) < 0 < max(values)


def test_a_shift_raises_it():
    """Further apart is larger."""
    x = features_of(300, 8, 7)
    near, far = (unbiased_mmd2(x, features_of(300, 8, 8, shift=s)) for s in (0.5, 1.0))
    assert 0 < near < far


def test_only_its_own_stream_decides_the_subsets():
    """NumPy's global state is neither read nor moved; another seed gives other subsets."""
    x, y = features_of(60, 4, 9), features_of(60, 4, 10)
    before = np.random.get_state()[1].copy()
    first = subset_kernel_distance(x, y, KernelDistanceOptions(num_subsets=3, subset_size=20))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert first == subset_kernel_distance(x, y, KernelDistanceOptions(num_subsets=3, subset_size=20))
    assert first != subset_kernel_distance(x, y, KernelDistanceOptions(num_subsets=3, subset_size=20, seed=1))


def test_the_standard_error_follows_from_the_subsets():
    """std / sqrt(subsets); zero where every subset is the whole set."""
    x, y = features_of(60, 4, 11), features_of(60, 4, 12)
    some = subset_kernel_distance(x, y, KernelDistanceOptions(num_subsets=16, subset_size=20))
    assert some.standard_error == pytest.approx(some.std / 4)
    whole = subset_kernel_distance(x, y, KernelDistanceOptions(num_subsets=4, subset_size=60))
    assert whole.std == pytest.approx(0, abs=1e-12)
    assert whole.mean == pytest.approx(unbiased_mmd2(x, y), rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(99, 500), (500, 99)])
def test_fewer_images_than_a_subset_name_the_option(n, m):
    """Never a silent shrink."""
    metric = KernelDistanceMetric(KernelDistanceOptions(subset_size=100))
    with pytest.raises(ConfigError, match=r"subset_size must be at most 99, .* \(got 100\); lower subset_size or evaluate more samples"):
        metric.compute(feature_set(features_of(n, 4, 13)), feature_set(features_of(m, 4, 14)))


def test_one_image_is_a_clear_error():
    """The unbiased estimate divides by N - 1."""
    with pytest.raises(ConfigError, match=r"at least 2 samples on each side \(got 5 and 1\)"):
        unbiased_mmd2(torch.zeros(1, 2), torch.zeros(5, 2))


def test_the_metric_returns_mean_std_and_full_value():
    """In the order of its quantities; the generated subset is drawn first, as torch-fidelity's first input."""
    options = KernelDistanceOptions(num_subsets=3, subset_size=20, seed=5)
    real, fake = features_of(60, 4, 15), features_of(50, 4, 16)
    metric = build_kernel_distance(options)
    subsets = subset_kernel_distance(fake, real, options)
    expected = (subsets.mean, subsets.std, unbiased_mmd2(fake, real))
    assert metric.compute(feature_set(real), feature_set(fake)) == pytest.approx(expected, rel=1e-12)
    assert metric.parameters() == {"kernel": "(x.y/D+1)^3", "num_subsets": 3, "subset_size": 20, "seed": 5}
    assert metric.needs == Needs(statistics=False, features=True)


def test_features_that_were_not_kept_are_named():
    """A fault of the caller, not a NoneType error."""
    bare = SampleSet(statistics=FeatureStatistics(4))
    with pytest.raises(ValueError, match="holds only their statistics"):
        KernelDistanceMetric().compute(bare, bare)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_subsets": 0}, r"num_subsets must be 1 or more \(got 0\)"),
        ({"subset_size": 1}, r"subset_size must be 2 or more \(got 1\)"),
        ({"seed": -1}, r"seed must be from 0 to 4294967295 \(got -1\)"),
    ],
)
def test_bad_options_are_refused(settings, message):
    """Each names field, value and limit."""
    with pytest.raises(ValueError, match=message):
        KernelDistanceOptions(**settings)

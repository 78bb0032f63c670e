"""The diversity is the mean over every pair, computed without computing one."""

from itertools import combinations
from statistics import fmean

import pytest
import torch

from ganbench.errors import ConfigError, Diverged
from ganbench.evaluation import statistics
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureSpread, FeatureStatistics
from ganbench_metrics import LpipsOptions
from ganbench_metrics.lpips import build_lpips


def rows(count, dims=7, seed=0):
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed)) + 3


def spread(features, labels=None, batch_size=1000):
    found = FeatureSpread(features.shape[1])
    for start in range(0, len(features), batch_size):
        window = slice(start, start + batch_size)
        found.update(features[window], None if labels is None else labels[window])
    return found


def lpips(found, **options):
    sides = [SampleSet(statistics=FeatureStatistics(1), spread=one) for one in (None, found)]
    (value,) = build_lpips(LpipsOptions(**options)).compute(*sides)
    return value


def pair_mean(features):
    return fmean(float((a - b).square().sum()) for a, b in combinations(features.double(), 2))


def test_it_is_the_mean_of_the_squared_distance_over_all_pairs():
    """With and without labels, which it does not look at."""
    features = rows(40)
    assert lpips(spread(features)) == pytest.approx(pair_mean(features), rel=1e-12)
    assert lpips(spread(features, torch.arange(40) % 3)) == pytest.approx(pair_mean(features), rel=1e-12)


def test_within_a_class_it_is_the_mean_over_the_classes():
    """A large class counts as much as a small one."""
    labels = torch.tensor([4] * 10 + [1] * 3 + [0] * 20)
    features = rows(33) + labels[:, None] * 10
    expected = fmean(pair_mean(features[labels == name]) for name in (0, 1, 4))
    assert lpips(spread(features, labels), per_class=True) == pytest.approx(expected, rel=1e-12)
    assert lpips(spread(features, labels)) > 10 * expected


def test_a_collapsed_generator_has_exactly_none():
    """Over all, or within each class, however large the features are."""
    assert lpips(spread(rows(1).expand(30, -1) * 1e4)) == 0
    labels = torch.arange(3).repeat(5)
    assert lpips(spread(rows(3)[labels], labels), per_class=True) == 0
    assert lpips(spread(rows(3)[labels], labels)) > 0


@pytest.mark.parametrize("batch_size", [1, 7, 30])
def test_the_batch_size_does_not_change_a_bit(batch_size):
    """Rows are taken one by one."""
    features, labels = rows(30), torch.arange(30) % 4
    one, other = spread(features, labels, batch_size), spread(features, labels)
    assert (one.variance(), one.class_variances()) == (other.variance(), other.class_variances())


def test_a_large_mean_costs_no_digits():
    """A variance of 1 around 10,000: the sum of squares less the square of the sum would keep few."""
    features = (rows(500) * 256).round() / 256 + 10_000
    assert spread(features).variance() == pytest.approx(features.double().var(dim=0).sum().item(), rel=1e-12)


def test_the_metric_says_what_it_needs():
    """Labels only within classes, and never the real images or a D x D matrix."""
    for per_class in (False, True):
        needs = build_lpips(LpipsOptions(per_class=per_class)).needs
        assert (needs.spread, needs.labels, needs.statistics, needs.reference) == (True, per_class, False, False)
    assert build_lpips(LpipsOptions()).implementation == "lpips-unweighted-1"


def test_too_few_images_and_broken_features_are_refused():
    """One image has no pair; NaN is a divergence."""
    with pytest.raises(ConfigError, match=r"at least 2 samples \(got 1\)"):
        lpips(spread(rows(1)))
    with pytest.raises(ConfigError, match=r"class 1 has 1"):
        lpips(spread(rows(3), torch.tensor([0, 0, 1])), per_class=True)
    with pytest.raises(Diverged, match="NaN or Inf"):
        spread(rows(3) * torch.tensor([[1.0], [float("nan")], [1.0]]))


@pytest.mark.parametrize("labelled", [False, True])
def test_the_size_of_the_batches_changes_no_bit(monkeypatch, labelled):
    """Rows are folded in blocks of one size; what is read between two batches disturbs nothing."""
    monkeypatch.setattr(statistics, "_SPREAD_ELEMENTS", 7 * 6)
    features, labels = rows(100, seed=3) * 100 + 1e4, torch.arange(100) % 4 if labelled else None
    found = {spread(features, labels, batch_size).variance() for batch_size in (1, 5, 6, 33, 100)}
    read = FeatureSpread(7)
    for start in range(0, 100, 10):
        read.update(features[start : start + 10], None if labels is None else labels[start : start + 10])
        assert sum(read.counts.values()) == start + 10
        read.variance()
    assert {read.variance()} == found
    assert found.pop() == pytest.approx(float(features.double().var(dim=0).sum()), rel=1e-12)

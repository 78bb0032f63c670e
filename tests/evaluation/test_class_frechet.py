"""The Fréchet distance within classes sees what the distance over all cannot."""

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import ClassFrechetOptions
from ganbench_metrics.class_frechet import build_class_frechet, class_frechet_distances
from ganbench_metrics.frechet import frechet_distance

LABELS = torch.arange(3).repeat(100)


def normal(count, seed, dims=5):
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed))


def side(features, labels=None):
    statistics = FeatureStatistics(features.shape[1])
    statistics.update(features)
    return SampleSet(statistics=statistics, features=features, labels=labels)


REAL = side(normal(300, 0) + LABELS[:, None] * 4.0, LABELS)


def compute(fake, **options):
    return build_class_frechet(ClassFrechetOptions(**options)).compute(REAL, fake)


def test_each_class_has_the_distance_of_its_own_images():
    """The mean over the classes, and the worst."""
    labels = torch.tensor([0] * 60 + [1] * 200 + [2] * 80)
    fake = side(normal(340, 1) * 1.3 + labels[:, None], labels)
    expected = [frechet_distance(side(REAL.features[c == LABELS]), side(fake.features[c == labels])) for c in range(3)]
    assert list(class_frechet_distances(REAL, fake, 50).values()) == pytest.approx(expected, rel=1e-12)
    assert compute(fake) == pytest.approx((sum(expected) / 3, max(expected)), rel=1e-12)


def test_identical_sets_are_at_no_distance():
    """In any order."""
    order = torch.randperm(300, generator=torch.Generator().manual_seed(3))
    assert compute(side(REAL.features[order], LABELS[order])) == pytest.approx((0, 0), abs=1e-9)


def test_a_shift_of_each_class_is_the_mean_of_the_squared_shifts():
    """Equal covariances: only the means count. Class c is shifted by c in each of five dimensions."""
    fake = side(REAL.features + LABELS[:, None], LABELS)
    assert compute(fake) == pytest.approx((5 * (0 + 1 + 4) / 3, 20), rel=1e-6)


def test_right_images_under_the_wrong_label_are_found():
    """The distance over all is 0; within each class it is not."""
    wrong = side(REAL.features, (LABELS + 1) % 3)
    assert frechet_distance(REAL, wrong) == pytest.approx(0, abs=1e-9)
    assert compute(wrong)[0] > 50


def test_fewer_images_than_dimensions_are_exact():
    """Rank-deficient classes: a class that is another's images shifted."""
    features, labels = normal(20, 5, dims=64), torch.arange(2).repeat(10)
    real, fake = side(features, labels), side(features + 0.5, labels)
    assert class_frechet_distances(real, fake, 2) == pytest.approx({0: 16.0, 1: 16.0}, rel=1e-5)


def test_a_class_with_too_few_images_is_refused_by_the_options_name():
    """On either side, none at all included."""
    fake = side(normal(300, 1), torch.where(LABELS == 2, 1, LABELS))
    with pytest.raises(ConfigError, match=r"least_per_class is 50, and there are 0 generated samples of class 2; evaluate more samples"):
        compute(fake)
    with pytest.raises(ConfigError, match=r"least_per_class is 101, and there are 100 real samples of class 0"):
        compute(REAL, least_per_class=101)
    with pytest.raises(ValueError, match=r"least_per_class must be 2 or more \(got 1\)"):
        ClassFrechetOptions(least_per_class=1)

"""Class accuracy: a hand count, rare classes, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import one_hot

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics.class_accuracy import ClassAccuracy, accuracy_by_class


def images(taken_for: list[int], asked: list[int]) -> SampleSet:
    """Images that a classifier of five classes takes for the first, and that were asked to be the second."""
    logits = one_hot(torch.tensor(taken_for), 5).float()
    return SampleSet(statistics=FeatureStatistics(1), logits=logits, labels=torch.tensor(asked))


REAL = images([0, 1, 2, 2], [0, 1, 2, 2])


def test_the_mean_is_over_classes_and_not_over_images() -> None:
    """Class 0: three of four; class 1: none of one. The mean over the images would be 0.6."""
    generated = images([0, 0, 0, 3, 4], [0, 0, 0, 0, 1])
    assert accuracy_by_class(generated) == {0: 0.75, 1: 0.0}
    assert ClassAccuracy().compute(REAL, generated) == (0.375, 0.0)
    assert ClassAccuracy().compute(REAL, REAL) == (1.0, 1.0)


def test_right_images_under_the_wrong_label_do_not_count() -> None:
    """The labels asked for decide, not what the images show."""
    assert ClassAccuracy().compute(REAL, images([0, 1, 2], [1, 2, 0])) == (0.0, 0.0)


def test_an_extractor_of_other_classes_is_refused() -> None:
    """It is wrong about most real images; half right is enough."""
    others = images([3, 4, 2, 1], [0, 1, 2, 2])
    with pytest.raises(ConfigError, match=r"classes are the dataset's \(this one is right about 17% of real images\); choose another"):
        ClassAccuracy().compute(others, REAL)
    assert ClassAccuracy().compute(images([0, 4], [0, 1]), REAL) == (1.0, 1.0)


def test_an_extractor_without_classes_is_refused() -> None:
    """The message says what to change."""
    plain = SampleSet(statistics=FeatureStatistics(1), labels=torch.tensor([0]))
    with pytest.raises(ConfigError, match="class_accuracy needs an extractor with classes; choose another extractor"):
        ClassAccuracy().compute(plain, plain)

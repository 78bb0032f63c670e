"""Target accuracy: a hand count, who decides what the target is, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics.target_accuracy import TargetAccuracy, target_class


def images_of(*classes: int) -> SampleSet:
    """Images that a classifier of five classes takes for these."""
    return SampleSet(statistics=FeatureStatistics(1), logits=one_hot(torch.tensor(classes), 5).float())


def test_the_share_of_the_class_that_most_reference_images_have() -> None:
    """Four of five reference images are of class 3; two of four generated images are too."""
    assert TargetAccuracy().compute(images_of(3, 3, 1, 3, 3), images_of(3, 1, 3, 0)) == (0.5,)
    assert TargetAccuracy().compute(images_of(1, 1), images_of(3, 3)) == (0.0,)


def test_a_reference_of_several_classes_is_refused() -> None:
    """Then no class is meant; exactly half is enough."""
    logits: Tensor = one_hot(torch.tensor([0, 1, 2]), 5).float()
    with pytest.raises(ConfigError, match=r"needs a reference of one class \(the largest of this one has 33% of the images\)"):
        target_class(logits)
    assert target_class(one_hot(torch.tensor([4, 1, 4, 2]), 5)) == 4


def test_an_extractor_without_classes_is_refused() -> None:
    """The message says what to change."""
    plain = SampleSet(statistics=FeatureStatistics(1))
    with pytest.raises(ConfigError, match="target_accuracy needs an extractor with classes; choose another extractor"):
        TargetAccuracy().compute(plain, plain)

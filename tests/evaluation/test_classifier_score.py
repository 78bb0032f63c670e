"""The classifier score equals its definition and torch-fidelity's Inception Score."""

import math

import numpy as np
import pytest
import torch
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import Needs, SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import ClassifierScoreOptions
from ganbench_metrics.classifier_score import ClassifierScoreMetric, build_classifier_score, classifier_score

IN_ORDER = ClassifierScoreOptions(num_splits=1, shuffle=False)


def logits_of(count, classes, seed=0):
    return 3 * torch.randn(count, classes, generator=torch.Generator().manual_seed(seed))


def feature_set(logits):
    return SampleSet(statistics=FeatureStatistics(4), logits=logits)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("count", [10, 999, 1000])
def test_it_equals_torch_fidelity(count, shuffle):
    """Same order, same splits, also where the splits are unequal: mean and std (ddof 0) to rounding."""
    logits = logits_of(count, 17)
    theirs = isc_features_to_metric(logits, splits=10, shuffle=shuffle, rng_seed=2020)
    mean, std = classifier_score(logits, ClassifierScoreOptions(shuffle=shuffle))
    assert mean == pytest.approx(theirs[KEY_METRIC_ISC_MEAN], rel=1e-12)
    assert std == pytest.approx(theirs[KEY_METRIC_ISC_STD], rel=1e-9, abs=1e-12)


def test_it_equals_the_definition():
    """exp of the mean divergence from the marginal, written out."""
    logits = logits_of(50, 5)
    p = np.exp(logits.double().numpy())
    p /= p.sum(axis=1, keepdims=True)
    expected = math.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())
    assert classifier_score(logits, IN_ORDER) == pytest.approx((expected, 0.0), rel=1e-12)


@pytest.mark.parametrize("scale", [100.0, 5000.0])
def test_sure_and_evenly_spread_classes_score_their_number(scale):
    """The greatest score is K, also where the other classes' probabilities underflow to zero."""
    assert classifier_score(scale * torch.eye(7).repeat(20, 1), IN_ORDER)[0] == pytest.approx(7, rel=1e-12)


def test_one_class_or_no_certainty_scores_one():
    """A collapsed generator and a clueless classifier both get the least score."""
    one_class = torch.zeros(30, 7)
    one_class[:, 3] = 5000.0
    assert classifier_score(one_class, IN_ORDER)[0] == pytest.approx(1, rel=1e-12)
    assert classifier_score(torch.zeros(30, 7), IN_ORDER)[0] == pytest.approx(1, rel=1e-12)


def test_shuffling_matters_for_sorted_images():
    """Images sorted by class have one class in each split: without a shuffle the score is 1."""
    logits = 100 * torch.eye(10).repeat_interleave(100, dim=0)
    in_order, _ = classifier_score(logits, ClassifierScoreOptions(shuffle=False))
    shuffled, _ = classifier_score(logits, ClassifierScoreOptions())
    assert in_order == pytest.approx(1, rel=1e-12)
    assert shuffled > 9


def test_fewer_images_than_splits_name_the_option():
    """An empty split has no score."""
    with pytest.raises(ConfigError, match=r"num_splits must be at most 9, the generated samples \(got 10\); lower num_splits"):
        classifier_score(logits_of(9, 3), ClassifierScoreOptions())


def test_an_extractor_without_classes_is_named():
    """The message says what to change."""
    with pytest.raises(ConfigError, match="needs an extractor with classes; choose another extractor"):
        ClassifierScoreMetric().compute(feature_set(None), feature_set(None))


def test_the_metric_asks_only_the_generated_images():
    """Its value does not depend on the reference."""
    fake = feature_set(logits_of(100, 5))
    metric = build_classifier_score(ClassifierScoreOptions(num_splits=4))
    assert metric.compute(feature_set(None), fake) == classifier_score(logits_of(100, 5), ClassifierScoreOptions(num_splits=4))
    assert metric.needs == Needs(statistics=False, logits=True, repeats=True)


def test_the_order_is_part_of_the_key():
    """Shuffled with a seed, or as generated: these are different protocols."""
    shuffled, in_order = ClassifierScoreMetric(), ClassifierScoreMetric(ClassifierScoreOptions(shuffle=False))
    assert shuffled.parameters() == {"num_splits": 10, "order": "shuffled-2020", "ddof": 0}
    assert in_order.parameters() == {"num_splits": 10, "order": "as-generated", "ddof": 0}


@pytest.mark.parametrize("settings", [{"num_splits": 0}, {"seed": 2**32}])
def test_bad_options_are_refused(settings):
    """Each names its field and the value got."""
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=rf"{name} must be .* \(got {value}\)"):
        ClassifierScoreOptions(**settings)

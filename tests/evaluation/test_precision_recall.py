"""Precision and recall equal torch-fidelity's, and mean what they say."""

import pytest
import torch
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import PrecisionRecallOptions, neighbours
from ganbench_metrics.neighbour_metrics import build_precision_recall, precision_recall


def features_of(count, dims, seed, scale=1.0, shift=0.0):
    return scale * torch.randn(count, dims, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("elements", [3000, 2**22])
@pytest.mark.parametrize(("n", "m", "dims", "k"), [(300, 300, 16, 3), (250, 400, 64, 3), (400, 250, 5, 1), (300, 301, 128, 5)])
def test_it_equals_torch_fidelity(monkeypatch, elements, n, m, dims, k):
    """The same parts to the last image, in one block and in many; torch-fidelity averages in float32."""
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", elements)
    real, fake = features_of(n, dims, 1), features_of(m, dims, 2, scale=0.9, shift=0.1)
    theirs = prc_features_to_metric(fake, real, prc_neighborhood=k, prc_batch_size=100, save_cpu_ram=False, verbose=False)
    precision, recall = precision_recall(real, fake, k)
    assert 0 < precision < 1
    assert 0 < recall < 1
    assert round(precision * m) == pytest.approx(theirs[KEY_METRIC_PRECISION] * m, abs=1e-3)
    assert round(recall * n) == pytest.approx(theirs[KEY_METRIC_RECALL] * n, abs=1e-3)


def test_the_border_of_a_ball_belongs_to_it():
    """`<=`: on a line of integers with k = 1 every ball reaches exactly to the next point."""
    real = torch.tensor([[0.0], [1.0], [10.0]])
    assert precision_recall(real, torch.tensor([[2.0], [19.0], [20.0]]), 1)[0] == pytest.approx(2 / 3)


def test_identical_sets_have_both():
    """Every image is the centre of a ball."""
    features = features_of(50, 6, 3)
    assert precision_recall(features, features.flip(0), 3) == (1.0, 1.0)


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    """Copies of one real image: all lie in the support, and their own balls have radius zero (only that image is recalled)."""
    real = features_of(50, 6, 4)
    assert precision_recall(real, real[7].repeat(30, 1), 3)[0] == 1.0
    assert precision_recall(torch.arange(50.0)[:, None], torch.full((30, 1), 7.0), 3) == (1.0, 1 / 50)


def test_a_wide_generator_recalls_and_is_not_precise():
    """Precision is about the generated images, recall about the real ones: not the other way round."""
    real, fake = features_of(300, 4, 5, scale=0.2), features_of(300, 4, 6, scale=3.0)
    precision, recall = precision_recall(real, fake, 3)
    assert precision < 0.1
    assert recall > 0.8


def test_far_sets_have_neither():
    """Disjoint supports."""
    assert precision_recall(features_of(40, 3, 7), features_of(40, 3, 8, shift=100.0), 3) == (0.0, 0.0)


@pytest.mark.parametrize(("n", "m"), [(3, 50), (50, 3)])
def test_too_few_images_name_the_option(n, m):
    """On either side."""
    with pytest.raises(ConfigError, match=r"num_neighbours must be at most 2, .* \(got 3\)"):
        precision_recall(features_of(n, 2, 9), features_of(m, 2, 10), 3)


def test_the_metric_states_its_protocol():
    """(precision, recall), and k in the key."""
    real, fake = features_of(60, 4, 11), features_of(50, 4, 12)
    metric = build_precision_recall(PrecisionRecallOptions(num_neighbours=2))
    sides = [SampleSet(statistics=FeatureStatistics(4), features=f) for f in (real, fake)]
    assert metric.compute(*sides) == precision_recall(real, fake, 2)
    assert metric.parameters() == {"num_neighbours": 2}
    with pytest.raises(ValueError, match=r"num_neighbours must be 1 or more \(got 0\)"):
        PrecisionRecallOptions(num_neighbours=0)

"""The classification accuracy score rewards images that teach the classes, and nothing else."""

import pytest
import torch

from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import ClassificationAccuracyOptions
from ganbench_metrics.classification_accuracy import build_classification_accuracy, build_network, train_classifier

OPTIONS = ClassificationAccuracyOptions(steps=30, batch_size=32, width=8)


def bars(count, seed):
    """Return noisy images of a bright bar in one of four places, and the place."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (count,), generator=generator)
    images = torch.randint(0, 100, (count, 1, 8, 8), generator=generator)
    for row in (0, 1):
        images[torch.arange(count), 0, 2 * labels + row] += 120
    return images.byte(), labels


def side(images, labels):
    return SampleSet(statistics=FeatureStatistics(1), samples=images, labels=labels)


REAL = side(*bars(200, 0))


def score(images, labels, options=OPTIONS):
    (value,) = build_classification_accuracy(options).compute(REAL, side(images, labels))
    return value


def test_images_of_the_right_classes_teach_them():
    """New images of the same kind give a classifier that is nearly always right."""
    assert score(*bars(200, 1)) > 0.95


def test_wrong_labels_teach_the_wrong_classes():
    """Every image asked for as the next class: nearly always wrong. With labels at random no better than chance."""
    images, labels = bars(200, 1)
    assert score(images, (labels + 1) % 4) < 0.05
    random = torch.randint(4, (200,), generator=torch.Generator().manual_seed(5))
    assert score(images, random) < 0.6


def test_a_class_that_is_never_made_is_never_named():
    """Its share of the real images is lost."""
    images, labels = bars(300, 1)
    kept = labels != 3
    assert score(images[kept], labels[kept]) == pytest.approx(float((REAL.labels != 3).double().mean()), abs=0.05)


def test_the_same_arguments_give_the_same_score_and_touch_no_other_stream():
    """Another seed gives another classifier."""
    images, labels = bars(64, 2)
    before = torch.get_rng_state()
    states = [train_classifier(images, labels, 4, ClassificationAccuracyOptions(steps=2, width=4, seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    weights = [state[0].weight for state in states]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_images_that_were_made_without_gradients_can_be_learnt_from():
    """A run's samples are inference tensors."""
    with torch.inference_mode():
        images, labels = bars(40, 3)
        images = images + 0
    assert images.is_inference()
    assert 0 <= score(images, labels, ClassificationAccuracyOptions(steps=2, width=4)) <= 1


@pytest.mark.parametrize(("size", "convolutions", "last"), [(4, 1, 2), (8, 1, 4), (16, 2, 4), (28, 3, 4), (32, 3, 4), (64, 4, 4)])
def test_the_network_halves_to_four_pixels(size, convolutions, last):
    """For any size and number of channels; the widths double up to four times the first."""
    network = build_network(3, size, 10, 8)
    widths = [layer.out_channels for layer in network if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [8, 16, 32, 32][:convolutions]
    assert network[-1].in_features == widths[-1] * last * last
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 10)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"steps": 0}, "steps must be 1 or more"),
        ({"width": 0}, "width must be 1 or more"),
        ({"batch_size": 1}, "batch_size must be 2 or more"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0 and finite"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and finite"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_a_wrong_option_is_refused_by_name(bad, message):
    """With the value got."""
    with pytest.raises(ValueError, match=message):
        ClassificationAccuracyOptions(**bad)


def test_every_option_is_part_of_the_key():
    """Another budget is another metric."""
    metric = build_classification_accuracy(OPTIONS)
    assert set(metric.parameters()) == {"steps", "batch_size", "width", "learning_rate", "weight_decay", "seed"}
    assert metric.needs.held_out == "reference"

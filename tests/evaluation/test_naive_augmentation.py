"""The naive augmentation score is what generated images add to real ones, beside the same real ones alone and with flips."""

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench_metrics import ClassificationAccuracyOptions, NaiveAugmentationOptions
from ganbench_metrics.classification_accuracy import classification_accuracy
from ganbench_metrics.naive_augmentation import NaiveAugmentation, accuracy_with, build_5, build_50, draw_per_class

OPTIONS = NaiveAugmentationOptions(steps=30, batch_size=32, width=8, num_seeds=2)


def bars(count, seed):
    """Return noisy images of a faint bar in one of four places, and the place."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 4
    images = torch.randint(0, 150, (count, 1, 8, 8), generator=generator)
    for row in (0, 1):
        images[torch.arange(count), 0, 2 * labels + row] += 80
    return images.byte(), labels


TRAIN, TEST, MORE = bars(60, 0), bars(400, 1), bars(200, 2)
REAL = SampleSet(samples=TRAIN[0], labels=TRAIN[1], held_out=SampleSet(samples=TEST[0], labels=TEST[1]))


def score(images, labels):
    return NaiveAugmentation(2, OPTIONS).compute(REAL, SampleSet(samples=images, labels=labels))


def test_images_of_the_right_classes_add_to_a_few_real_ones_and_wrong_ones_take_away():
    """What real images alone and with flips come to is the same beside any generator."""
    good, *controls = score(*MORE)
    wrong, *others = score(MORE[0], (MORE[1] + 1) % 4)
    assert good > controls[0] + 0.05
    assert wrong < controls[0] - 0.1
    assert others == controls


def test_each_number_is_the_mean_of_classifiers_of_one_budget():
    """By hand: seed by seed the drawn real images, alone, with their mirror images, and with the generated ones."""
    wanted = []
    for kind in ("generated", "alone", "flips"):
        found = []
        for seed in (0, 1):
            chosen = draw_per_class(TRAIN[1], 2, seed)
            images, labels = TRAIN[0][chosen], TRAIN[1][chosen]
            added = {"generated": MORE, "alone": (images[:0], labels[:0]), "flips": (images[..., [7, 6, 5, 4, 3, 2, 1, 0]], labels)}[kind]
            options = ClassificationAccuracyOptions(
                steps=30, batch_size=32, width=8, seed=seed, learning_rate=OPTIONS.learning_rate, weight_decay=OPTIONS.weight_decay
            )
            found.append(classification_accuracy(torch.cat([images, added[0]]), torch.cat([labels, added[1]]), *TEST, options))
        wanted.append(sum(found) / 2)
    assert score(*MORE) == tuple(wanted)


def test_as_many_of_each_class_are_drawn_and_another_seed_draws_others():
    """Without replacement."""
    first, again, other = (draw_per_class(TRAIN[1], 5, seed) for seed in (0, 0, 1))
    assert torch.bincount(TRAIN[1][first]).tolist() == [5, 5, 5, 5]
    assert len(first.unique()) == 20
    assert torch.equal(first, again)
    assert set(first.tolist()) != set(other.tolist())


def test_a_class_with_too_few_real_images_is_named():
    """And how many it has."""
    with pytest.raises(ConfigError, match=r"nas_50_per_class takes 50 real images of each class, and class [0-3] has 15"):
        build_50(OPTIONS).compute(REAL, SampleSet(samples=MORE[0], labels=MORE[1]))
    with pytest.raises(ConfigError, match="and class 3 has 1"):
        accuracy_with((TRAIN[0][:4], torch.tensor([0, 0, 3, 0])), TEST, None, 2, OPTIONS)


def test_the_controls_of_other_real_images_are_their_own():
    """What is remembered of one train split is not taken for another's."""
    score(*MORE)
    swapped = SampleSet(samples=TRAIN[0], labels=TRAIN[1], held_out=SampleSet(samples=TEST[0], labels=(TEST[1] + 1) % 4))
    assert NaiveAugmentation(2, OPTIONS).compute(swapped, SampleSet(samples=MORE[0], labels=MORE[1]))[1] < 0.4


def test_n_is_part_of_the_key_and_held_out_images_are_asked_for():
    """Beside the train split, with labels."""
    metric = build_5(OPTIONS)
    assert metric.parameters()["per_class"] == 5
    assert (metric.needs.held_out, metric.needs.labels) == ("beside", True)

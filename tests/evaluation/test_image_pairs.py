"""Random pairs are of two different images, and any pair is as likely as another."""

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench_metrics.ms_ssim import random_pairs, random_pairs_in_class


def seeded():
    return torch.Generator().manual_seed(0)


def test_every_ordered_pair_of_different_images_is_as_likely():
    """Twelve of four images, each about 1,000 of 12,000 times."""
    pairs = random_pairs(4, 12_000, seeded())
    counts = torch.bincount(pairs[:, 0] * 4 + pairs[:, 1], minlength=16).view(4, 4)
    assert counts.diagonal().tolist() == [0] * 4
    assert (counts[~torch.eye(4, dtype=torch.bool)] - 1000).abs().max() < 150


def test_pairs_of_a_class_are_of_that_class_and_as_many_for_each():
    """However many images a class has."""
    labels = torch.tensor([2] * 50 + [0] * 2 + [7] * 9)
    pairs = random_pairs_in_class(labels, 10, seeded())
    assert labels[pairs].tolist() == [[0, 0]] * 4 + [[2, 2]] * 4 + [[7, 7]] * 4
    assert bool((pairs[:, 0] != pairs[:, 1]).all())


def test_too_few_images_are_refused():
    """One image, or one of a class."""
    with pytest.raises(ConfigError, match=r"a pair needs 2 images \(got 1\)"):
        random_pairs(1, 5, seeded())
    with pytest.raises(ConfigError, match="class 1 has 1"):
        random_pairs_in_class(torch.tensor([0, 0, 1]), 5, seeded())

"""The space of pairs of images."""

from __future__ import annotations

import io

import torch
from PIL import Image

from ganbench_spaces.images import ImageSpace
from ganbench_spaces.pairs import PairedImages


def test_a_pair_is_two_images() -> None:
    """The first half of the channels is what is given, the second its answer."""
    pairs = torch.arange(2 * 6 * 4 * 5).view(2, 6, 4, 5)
    given, answers = PairedImages(6, 4, 5).split(pairs)
    assert torch.equal(given, pairs[:, :3])
    assert torch.equal(answers, pairs[:, 3:])
    assert PairedImages(6, 4, 5).answers == ImageSpace(3, 4, 5)


def test_only_the_middle_is_asked_for_where_there_is_a_hole() -> None:
    """A mask of ones in the square, in odd and even images alike; none without a hole."""
    asked = PairedImages(2, 7, 6, hole=3).asked_for()
    assert asked is not None
    assert asked[0, 0].nonzero().tolist() == [[row, column] for row in (2, 3, 4) for column in (1, 2, 3)]
    assert PairedImages(2, 7, 6).asked_for() is None


def test_pairs_of_other_tasks_are_other_samples() -> None:
    """What is asked for is part of the space."""
    assert PairedImages(2, 8, 8, hole=4) != PairedImages(2, 8, 8)
    assert PairedImages(2, 8, 8, scale=2) != PairedImages(2, 8, 8)


def test_a_picture_shows_both_images_side_by_side_in_colour() -> None:
    """Not six grey ones: one row of two pairs is four images wide."""
    space = PairedImages(6, 64, 64)
    stored = torch.zeros(2, 6, 64, 64, dtype=torch.uint8)
    stored[:, 3] = 255  # the answer is red
    with Image.open(io.BytesIO(space.picture(stored, columns=2, real=lambda count: stored[:count]))) as picture:
        assert picture.mode == "RGB"
        assert picture.width > 4 * 64 > 2 * picture.height
        assert picture.getpixel((2 + 96, 2 + 32)) == (255, 0, 0)
        assert picture.getpixel((2 + 32, 2 + 32)) == (0, 0, 0)

"""Images become uint8 in one documented way."""

import pytest
import torch

from ganbench.errors import Diverged
from ganbench_spaces.images import ImageSpace


def to_uint8(images):
    """Images of any size."""
    return ImageSpace.square(3, 4).to_stored(images)


def test_every_grey_level_survives_a_round_trip():
    """Level v, brought to [-1, 1] as v / 127.5 - 1, comes back as v."""
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)


def test_it_rounds_and_does_not_truncate():
    """The border between two levels lies half-way between them."""
    below, above = 100.49, 100.51
    assert to_uint8(torch.tensor([below, above]) / 127.5 - 1).tolist() == [100, 101]


def test_values_outside_are_clamped():
    """What a generator without tanh produces beyond the range is clamped, not wrapped."""
    assert to_uint8(torch.tensor([-7.0, -1.01, 1.01, 7.0])).tolist() == [0, 0, 255, 255]


def test_bfloat16_is_widened_before_the_arithmetic():
    """bfloat16 has 8 bits of mantissa: x * 127.5 + 128 in it would lose levels."""
    images = torch.linspace(-1, 1, 999).to(torch.bfloat16)
    assert torch.equal(to_uint8(images), to_uint8(images.float()))


def test_shape_is_kept_and_gradients_are_cut():
    """Images of a generator in training may be passed as they are."""
    images = torch.zeros(2, 3, 4, 4, requires_grad=True)
    result = to_uint8(images)
    assert (result.shape, result.dtype, result.requires_grad) == ((2, 3, 4, 4), torch.uint8, False)


def test_integers_are_refused():
    """A range is declared, never guessed: uint8 images must not pass through twice."""
    with pytest.raises(ValueError, match=r"floating point in \[-1, 1\] \(got torch.uint8\)"):
        to_uint8(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_images_are_named(bad):
    """A NaN has no grey level; turned into one it would hide a divergence."""
    with pytest.raises(Diverged, match="NaN or Inf"):
        to_uint8(torch.tensor([0.0, bad]))

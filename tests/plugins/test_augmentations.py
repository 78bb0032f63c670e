"""DiffAugment's parts against their definitions, image by image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganbench import AugmentationSpec, BuildContext
from ganbench.config.values import build_options
from ganbench.errors import ConfigError
from ganbench.plugin.manager import PluginManager
from ganbench_augmentations.diffaugment import color, cut_out, translate
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()
SIZE = 16


def images(channels: int = 3) -> Tensor:
    return torch.rand(6, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def drawing(*draws: list[float]) -> Callable[[int], Tensor]:
    """Return a stream that deals these numbers, one list for each call."""
    remaining = iter(draws)

    def uniform(count: int) -> Tensor:
        dealt = next(remaining)
        assert len(dealt) == count
        return torch.tensor(dealt, dtype=torch.float64)

    return uniform


def augmentation(channels: int = 3, **options: str) -> Callable[..., Tensor]:
    registered = MANAGER.find(AugmentationSpec, "diffaugment")
    made: Callable[..., Tensor] = registered.build(
        build_options(registered.spec.options, options, "augmentation"), BuildContext(space=ImageSpace.square(channels, SIZE))
    )
    return made


def test_numbers_in_the_middle_leave_the_colour_as_it_is() -> None:
    """Brightness + 0, saturation times 1, contrast times 1."""
    x = images()
    torch.testing.assert_close(color(x, drawing([0.5] * 6, [0.5] * 6, [0.5] * 6)), x)


def test_brightness_saturation_and_contrast_are_the_published_ones() -> None:
    """x + u - 0.5; twice u away from the grey image; u + 0.5 away from the mean."""
    x, one = images(), 0.9
    bright = color(x, drawing([one] * 6, [0.5] * 6, [0.5] * 6))
    torch.testing.assert_close(bright, x + 0.4)
    grey = x.mean(dim=1, keepdim=True)
    torch.testing.assert_close(color(x, drawing([0.5] * 6, [one] * 6, [0.5] * 6)), grey + (x - grey) * 1.8)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(color(x, drawing([0.5] * 6, [0.5] * 6, [one] * 6)), mean + (x - mean) * 1.4)


def test_a_grey_image_has_no_saturation() -> None:
    """One channel is its own grey image."""
    x = images(1)
    torch.testing.assert_close(color(x, drawing([0.5] * 6, [0.1] * 6, [0.5] * 6)), x)


@pytest.mark.parametrize(("number", "shift"), [(0.0, -2), (0.999, 2), (0.5, 0), (0.3, -1)])
def test_translation_shifts_by_whole_pixels_and_fills_with_zero(number: float, shift: int) -> None:
    """At most 1/8 of 16 pixels, each shift as often as another; rows by the first number, columns by the second."""
    x = images()
    found = translate(x, drawing([number] * 6, [0.5] * 6), 0.125)
    expected = torch.zeros_like(x)
    for row in range(SIZE):
        if 0 <= row + shift < SIZE:
            expected[:, :, row] = x[:, :, row + shift]
    torch.testing.assert_close(found, expected)
    across = translate(x, drawing([0.5] * 6, [number] * 6), 0.125)
    torch.testing.assert_close(across, translate(x.transpose(2, 3), drawing([number] * 6, [0.5] * 6), 0.125).transpose(2, 3))


def test_each_image_is_shifted_by_its_own_number() -> None:
    """The other images do not matter."""
    x, numbers = images(), [0.0, 0.2, 0.4, 0.6, 0.8, 0.999]
    together = translate(x, drawing(numbers, numbers[::-1]), 0.125)
    for i, (down, across) in enumerate(zip(numbers, numbers[::-1], strict=True)):
        torch.testing.assert_close(together[i : i + 1], translate(x[i : i + 1], drawing([down], [across]), 0.125))


@pytest.mark.parametrize(("number", "first", "last"), [(0.0, 0, 3), (0.5, 4, 11), (0.999, 12, 15)])
def test_cutout_sets_a_square_of_half_the_size_to_zero(number: float, first: int, last: int) -> None:
    """Side 8 around a centre anywhere in the image; what sticks out is lost."""
    x = images()
    found = cut_out(x, drawing([number] * 6, [0.5] * 6), 0.5)
    expected = x.clone()
    expected[:, :, first : last + 1, 4:12] = 0
    torch.testing.assert_close(found, expected)


@pytest.mark.slow
def test_the_whole_policy_is_differentiable() -> None:
    """The generator learns through it: its derivative is right in float64."""
    random = torch.Generator().manual_seed(1)
    numbers = [torch.rand(2, generator=random, dtype=torch.float64) for _ in range(7)]

    def augmented(x: Tensor) -> Tensor:
        remaining = iter(numbers)
        return augmentation()(x, lambda count: next(remaining))

    x = images()[:2, :, :6, :6].contiguous().requires_grad_()
    assert torch.autograd.gradcheck(augmented, (x,))


def test_the_policy_says_what_is_applied_and_in_which_order() -> None:
    """Cutout after colour leaves zeros, colour after cutout changes them."""
    x = images()
    first = augmentation(policy="cutout,color")(x, drawing([0.5] * 6, [0.5] * 6, [0.9] * 6, [0.5] * 6, [0.5] * 6))
    last = augmentation(policy="color,cutout")(x, drawing([0.9] * 6, [0.5] * 6, [0.5] * 6, [0.5] * 6, [0.5] * 6))
    assert (last[:, :, 4:12, 4:12] == 0).all()
    torch.testing.assert_close(first[:, :, 4:12, 4:12], torch.full((6, 3, 8, 8), 0.4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": ""}, "policy must be some of color, translation, cutout"),
        ({"policy": "color,flip"}, "policy must be some of color, translation, cutout"),
        ({"policy": "color,color"}, "each once"),
        ({"translation_ratio": "0"}, "translation_ratio must be above 0 and at most 1"),
        ({"cutout_ratio": "1.5"}, "cutout_ratio must be above 0 and at most 1"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, str], message: str) -> None:
    """With what is allowed."""
    with pytest.raises(ConfigError, match=message):
        augmentation(**options)

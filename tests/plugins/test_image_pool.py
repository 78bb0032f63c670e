"""The pool of older images: the source's rule image by image, on the device and for a whole batch at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench_translation.image_pool import ImagePool


def numbered(first: int, count: int) -> Tensor:
    """Images whose every pixel is their number."""
    return torch.arange(first, first + count, dtype=torch.float32).view(count, 1, 1, 1).expand(count, 1, 2, 2).contiguous()


def one_by_one(held: list[float], size: int, batch: list[float], chances: list[float], places: list[float]) -> list[float]:
    """The source's rule (util/image_pool.py): fill up; then, with probability 1/2, swap with a random place."""
    shown = []
    for image, chance, place in zip(batch, chances, places, strict=True):
        if len(held) < size:
            held.append(image)
            shown.append(image)
        elif chance > 0.5:
            slot = min(int(place * size), size - 1)
            shown.append(held[slot])
            held[slot] = image
        else:
            shown.append(image)
    return shown


@pytest.mark.parametrize(("size", "batch"), [(1, 1), (5, 1), (5, 2), (4, 7), (3, 8), (50, 16)])
def test_a_batch_goes_through_as_its_images_would_one_by_one(size: int, batch: int) -> None:
    """Over many batches: the images shown, and those held, also where several of a batch meet in one place."""
    pool = ImagePool(size, (1, 2, 2), torch.Generator().manual_seed(3))
    twin = torch.Generator().manual_seed(3)
    held: list[float] = []
    for step in range(40):
        images = numbered(step * batch, batch)
        chances, places = torch.rand(2, batch, generator=twin).tolist()
        expected = one_by_one(held, size, images[:, 0, 0, 0].tolist(), chances, places)
        shown = pool(images)
        assert shown[:, 0, 0, 0].tolist() == expected
        assert torch.equal(shown, shown[:, :1, :1, :1].expand_as(shown))
        assert pool.images[: len(held), 0, 0, 0].tolist() == held
        assert int(pool.count) == len(held)


@pytest.mark.slow
def test_half_of_the_images_shown_are_older() -> None:
    """Once the pool is full: 1/2, within four standard deviations of 2,000 draws."""
    pool = ImagePool(50, (1, 2, 2), torch.Generator().manual_seed(0))
    older = 0
    for step in range(2050):
        older += int(pool(numbered(step, 1))[0, 0, 0, 0] != step)
    assert abs(older - 1000) < 4 * 500**0.5


def test_what_it_holds_is_saved_and_no_gradient_goes_through() -> None:
    """As buffers, which a run's checkpoint has."""
    pool = ImagePool(2, (1, 2, 2), torch.Generator().manual_seed(0))
    assert set(pool.state_dict()) == {"images", "count"}
    assert not pool(numbered(0, 3).requires_grad_()).requires_grad

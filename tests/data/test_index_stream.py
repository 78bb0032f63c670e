"""The order of the images."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganbench.data.index_stream import IndexStream


def test_each_epoch_shows_each_image_once_in_another_order() -> None:
    """An epoch is a permutation, and two epochs or two seeds differ."""
    stream = IndexStream(100, seed=3)
    first, second = (stream.draw(start, 100)[0].tolist() for start in (0, 100))
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert first != IndexStream(100, seed=4).draw(0, 100)[0].tolist()


@pytest.mark.slow
@given(num_samples=st.integers(1, 9), position=st.integers(0, 50), counts=st.lists(st.integers(1, 20), max_size=5))
def test_the_stream_is_a_pure_function_of_the_position(num_samples: int, position: int, counts: list[int]) -> None:
    """However the draws are cut and wherever they begin, position p has the same image and the same flip."""
    whole = IndexStream(num_samples, seed=1, horizontal_flip=True).draw(0, 200)
    assert whole[1] is not None
    stream = IndexStream(num_samples, seed=1, horizontal_flip=True)
    for count in counts:
        order, flips = stream.draw(position, count)
        assert flips is not None
        assert order.tolist() == whole[0][position : position + count].tolist()
        assert flips.tolist() == whole[1][position : position + count].tolist()
        position += count


def test_flips_are_even_and_do_not_change_the_order() -> None:
    """About half of the draws are mirrored; the order is that of a stream without flips."""
    order, flips = IndexStream(10_000, seed=0, horizontal_flip=True).draw(0, 10_000)
    plain, none = IndexStream(10_000, seed=0).draw(0, 10_000)
    assert none is None
    assert flips is not None
    assert torch.equal(order, plain)
    assert 4_700 < int(flips.sum()) < 5_300


def test_the_global_generator_is_left_alone() -> None:
    """Drawing the order does not move the stream that latents come from."""
    before = torch.get_rng_state()
    IndexStream(10, seed=0, horizontal_flip=True).draw(0, 100)
    assert torch.equal(before, torch.get_rng_state())


def test_an_empty_dataset_is_refused() -> None:
    """There is nothing to draw from no image."""
    with pytest.raises(ValueError, match=r"num_samples must be 1 or more \(got 0\)"):
        IndexStream(0, seed=0)

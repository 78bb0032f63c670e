"""Stacked digits: three digits a picture, kept as indices where they are large, and classified channel by channel."""

from __future__ import annotations

import pytest
import torch

from ganbench.data.source import ArraySource, DataContext, Source
from ganbench.spec import ExtractorContext
from ganbench_datasets import digits
from ganbench_datasets.options import DigitsOptions, StackedDigitsOptions
from ganbench_datasets.stacked import StackedSource, build
from ganbench_extractors import classifiers, stacked

SMALL = StackedDigitsOptions(num_images=3000, resolution=8)


def read(source: Source) -> torch.Tensor:
    return source.read(torch.arange(source.num_samples))


def test_every_channel_is_a_digit_of_the_split() -> None:
    """Drawn independently, from train digits to train on and from test digits to test on; no labels."""
    data = build(SMALL, DataContext())
    plain = digits.build(DigitsOptions(resolution=8), DataContext())
    assert data.space.size[0] == 3
    assert data.num_classes == 0
    assert data.test is not None
    assert (data.train.num_samples, data.test.num_samples) == (3000, 300)
    for source, own in ((data.train, plain.train), (data.test, plain.test)):
        assert own is not None
        known = {row.tobytes() for row in read(own).flatten(1).numpy()}
        images = read(source)
        assert all(row.tobytes() in known for row in images.flatten(0, 1).flatten(1).numpy())
        assert not torch.equal(images[:, 0], images[:, 1])
        assert source.labels is None


def test_what_does_not_fit_is_stacked_as_it_is_read() -> None:
    """The same images and the same hash, without a copy for each of them."""
    resident = build(SMALL, DataContext())
    lazy = build(SMALL, DataContext(resident_limit_mib=0.1))
    assert isinstance(resident.train, ArraySource)
    assert isinstance(lazy.train, StackedSource)
    assert lazy.train.digits.numel() + 8 * lazy.train.chosen.numel() < 0.2 * 2**20
    assert torch.equal(read(lazy.train), read(resident.train))
    assert lazy.train.content_hash == resident.train.content_hash


@pytest.mark.slow
def test_large_images_are_never_all_in_memory() -> None:
    """128,000 images of 64x64 would take 1.5 GiB."""
    data = build(StackedDigitsOptions(resolution=64), DataContext())
    assert isinstance(data.train, StackedSource)
    assert data.train.num_samples == 128_000
    assert data.train.read(torch.tensor([5, 127_999])).shape == (2, 3, 64, 64)


def test_the_seed_decides_the_stacks() -> None:
    """And nothing else does."""
    first, again, other = (build(StackedDigitsOptions(num_images=50, seed=seed), DataContext()).train.content_hash for seed in (0, 0, 1))
    assert first == again != other


def test_a_mode_is_the_three_digits_in_order() -> None:
    """Red is the hundreds; nearly all real stacks are read right, and each network answers for itself."""
    extractor = stacked.build(None, ExtractorContext())
    plain = digits.build(DigitsOptions(), DataContext())
    assert isinstance(plain.test, ArraySource)
    assert plain.test.labels is not None
    chosen = torch.randint(plain.test.num_samples, (400, 3), generator=torch.Generator().manual_seed(0))
    truth = (plain.test.labels[chosen] * torch.tensor([100, 10, 1])).sum(1)
    found = extractor.extract(plain.test.stored[chosen, 0])
    assert len(found) == extractor.num_members == 5
    for one in found:
        assert one.num_modes == 1000
        assert one.modes is not None
        assert (one.modes == truth).double().mean() > 0.9
        assert one.features.shape == (400, extractor.dims) == (400, 192)


def test_features_are_those_of_the_channels_side_by_side() -> None:
    """Each channel goes through the digits extractor as a picture of its own."""
    images = read(build(StackedDigitsOptions(num_images=10), DataContext()).train)[:10]
    together = stacked.build(None, ExtractorContext()).extract(images)
    for channel in range(3):
        alone = classifiers.build_digits(None, ExtractorContext()).extract(images[:, channel : channel + 1])
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one.features[:, 64 * channel : 64 * (channel + 1)], other.features)


def test_two_digits_make_a_hundred_modes() -> None:
    """Red is the tens; features are those of two channels, and three channels are refused."""
    extractor = stacked.build_pairs(None, ExtractorContext())
    dataset = build(StackedDigitsOptions(num_images=40, digits=2), DataContext())
    assert dataset.train.space.size == (2, 16, 16)
    plain = digits.build(DigitsOptions(), DataContext())
    assert isinstance(plain.test, ArraySource)
    assert plain.test.labels is not None
    chosen = torch.randint(plain.test.num_samples, (200, 2), generator=torch.Generator().manual_seed(0))
    truth = (plain.test.labels[chosen] * torch.tensor([10, 1])).sum(1)
    for one in extractor.extract(plain.test.stored[chosen, 0]):
        assert (one.num_modes, one.features.shape) == (100, (200, extractor.dims)) == (100, (200, 128))
        assert one.modes is not None
        assert (one.modes == truth).double().mean() > 0.9
    with pytest.raises(ValueError, match=r"stacked digits must have 2 channels \(got 3\)"):
        extractor.extract(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))


def test_grey_images_are_refused() -> None:
    """Three channels, three digits."""
    with pytest.raises(ValueError, match=r"stacked digits must have 3 channels \(got 1\)"):
        stacked.build(None, ExtractorContext()).extract(torch.zeros(2, 1, 16, 16, dtype=torch.uint8))


@pytest.mark.parametrize(("name", "value", "least"), [("resolution", 7, 8), ("num_images", 0, 1), ("seed", -1, 0)])
def test_wrong_options_are_refused(name: str, value: int, least: int) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=rf"{name} must be {least} or more \(got {value}\)"):
        StackedDigitsOptions(**{name: value})

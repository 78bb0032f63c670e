"""Stacked digits: three digits as the channels of one image, 1,000 modes, each as likely as the others but for the digits' own shares.

The experiment is Stacked MNIST's (Metz et al., 2017, https://arxiv.org/abs/1611.02163), in the form of PacGAN's stacked_MNIST_experiments:
128,000 images, each of three digits drawn at random, once. Differs: the digits are scikit-learn's and not MNIST's, so that everything works
offline and the shipped classifier can tell them apart, and train and test images are stacked from different digits.

Shapes: N images, n of a batch, C digits in an image, D digits to draw from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganbench import ArraySource, DataContext, Dataset, Source, hash_content
from ganbench_datasets.digits import build as build_digits
from ganbench_datasets.options import DigitsOptions, StackedDigitsOptions
from ganbench_spaces.images import ImageSpace, image_source

RESIDENT_MIB = 512.0
"""A larger split is stacked as it is read."""
_TEST_DIVISOR = 10
_HASH_BLOCK = 4096


@dataclass(slots=True)
class StackedSource:
    """Images that are stacked when they are read: only the digits and the indices are kept."""

    digits: Tensor
    """``[D, 1, H, W]`` uint8."""
    chosen: Tensor
    """``[N, C]`` int64: which digit is in which channel."""
    is_resident: bool = False
    _content_hash: str = field(default="", repr=False)

    @property
    def space(self) -> ImageSpace:
        """Square images with a channel for each digit."""
        return ImageSpace.square(self.chosen.shape[1], self.digits.shape[-1])

    @property
    def num_samples(self) -> int:
        """N."""
        return len(self.chosen)

    @property
    def labels(self) -> Tensor | None:
        """None: the published experiments know no labels."""
        return None

    @property
    def content_hash(self) -> str:
        """sha256 as of a resident split; stacks every image once."""
        if not self._content_hash:
            self._content_hash = hash_content(self, _HASH_BLOCK)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return ``[n, C, H, W]`` uint8."""
        return self.digits[self.chosen[indices], 0]


def build(options: StackedDigitsOptions, context: DataContext) -> Dataset:
    """Return the stacks, resident where they are small."""
    digits = build_digits(DigitsOptions(resolution=options.resolution), context)
    assert isinstance(digits.train, ArraySource)
    assert isinstance(digits.test, ArraySource)
    random = torch.Generator().manual_seed(options.seed)

    def stack(source: ArraySource, num_images: int) -> Source:
        stacked = StackedSource(source.stored, torch.randint(source.num_samples, (num_images, options.digits), generator=random))
        mib = num_images * options.digits * options.resolution**2 / 2**20
        if mib > min(context.resident_limit_mib, RESIDENT_MIB):
            return stacked
        return image_source(stacked.read(torch.arange(num_images)))

    return Dataset(
        name="stacked-digits",
        train=stack(digits.train, options.num_images),
        test=stack(digits.test, max(1, options.num_images // _TEST_DIVISOR)),
    )

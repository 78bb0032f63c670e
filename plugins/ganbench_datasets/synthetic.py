"""Seeded noise of any shape, for throughput: each image is a pure function of (seed, split, index).

Made once where the split fits, on the fly where it does not; the content is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ganbench import DataContext, Dataset, Source, hash_content
from ganbench_datasets.options import SyntheticOptions
from ganbench_spaces.images import ImageSpace, image_source

_TEST_DIVISOR = 10  # the test split has a tenth of the train split's images
_HASH_BLOCK = 1024


@dataclass(slots=True)
class SyntheticSource:
    """Images that are made when they are read."""

    num_samples: int
    space: ImageSpace
    num_classes: int
    seed: int
    split: int
    """0 for train, 1 for test."""
    is_resident: bool = False
    _content_hash: str = field(default="", repr=False)

    @property
    def labels(self) -> Tensor | None:
        """``[N]`` int64, the classes in turn; None without classes."""
        return torch.arange(self.num_samples) % self.num_classes if self.num_classes else None

    @property
    def content_hash(self) -> str:
        """sha256 as of a resident split; makes every image once."""
        if not self._content_hash:
            self._content_hash = hash_content(self, _HASH_BLOCK)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return ``[n, C, H, W]`` uint8 noise."""
        size = int(np.prod(self.space.size))
        made = np.empty((len(indices), size), dtype=np.uint8)
        for row, index in zip(made, indices.tolist(), strict=True):
            row[:] = np.frombuffer(self._generator(index).bytes(size), dtype=np.uint8)
        return torch.from_numpy(made).view(-1, *self.space.size)

    def _generator(self, index: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=[self.seed, 2 * index + self.split]))


def build(options: SyntheticOptions, context: DataContext) -> Dataset:
    """Return the noise, resident where it fits."""
    space = ImageSpace.square(options.channels, options.resolution)
    num_test = max(1, options.num_images // _TEST_DIVISOR)

    def split(number: int, num_images: int) -> Source:
        source = SyntheticSource(num_images, space, options.num_classes, options.seed, number)
        if num_images * int(np.prod(space.size)) > context.resident_limit_mib * 2**20:
            return source
        return image_source(source.read(torch.arange(num_images)), source.labels)

    return Dataset(
        name="synthetic",
        train=split(0, options.num_images),
        test=split(1, num_test),
        num_classes=options.num_classes,
        class_names=tuple(map(str, range(options.num_classes))),
    )

"""A part of a split as a split of its own: some of its images, or some of their channels.

Shapes: N images of the part, C channels, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import ArraySource, Source, Space, hash_content
from ganbench_spaces.images import ImageSpace, images_of

_ALL = slice(None)


class PartSource:
    """A part of a split that streams.

    Args:
        source: the split.
        ids: ``[N]`` int64, which of its images; None for all.
        channels: which of their channels.
    """

    is_resident = False

    def __init__(self, source: Source, ids: Tensor | None, channels: slice) -> None:
        self._source, self._channels = source, channels
        self._ids = torch.arange(source.num_samples) if ids is None else ids
        self.labels = None if source.labels is None else source.labels[self._ids]
        self.space = _some_channels(source.space, channels)
        self._content_hash = ""

    @property
    def num_samples(self) -> int:
        """Return N."""
        return len(self._ids)

    @property
    def content_hash(self) -> str:
        """sha256 over shape, pixels and labels; reads all of them, once."""
        if not self._content_hash:
            self._content_hash = hash_content(self)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return images ``[len(indices), C, H, W]`` uint8."""
        return self._source.read(self._ids[indices])[:, self._channels].contiguous()


def part_of(source: Source, *, ids: Tensor | None = None, channels: slice = _ALL) -> Source:
    """Return a part of a split: in memory where the split is, streaming where it streams."""
    if not isinstance(source, ArraySource):
        return PartSource(source, ids, channels)
    images = source.stored if ids is None else source.stored[ids]
    labels = source.labels if ids is None or source.labels is None else source.labels[ids]
    return ArraySource(images[:, channels], labels, space=_some_channels(source.space, channels))


def _some_channels(space: Space, channels: slice) -> ImageSpace:
    images = images_of(space)
    return images if channels == _ALL else ImageSpace(len(range(images.channels)[channels]), images.height, images.width)

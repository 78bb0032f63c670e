"""The dataset ``restore``: any dataset of images, each image with a degraded copy of itself by a named rule.

What is degraded, and how, is a function of the image's index and the options alone, so that a split that streams gives the pairs of one
that lies in memory. Shapes: n pairs, C channels of one image, H, W height and width.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ganbench import (
    ArraySource,
    ConfigError,
    DataContext,
    Dataset,
    Source,
    hash_content,
)
from ganbench_datasets.underlying import underlying_dataset
from ganbench_restoration.degrade import Degradation
from ganbench_restoration.options import RestoreOptions
from ganbench_spaces.images import ImageSpace
from ganbench_spaces.pairs import PairedImages

_PIECE = 64
_SPLITS = 2**31
"""Seeds of a split's noise; the held-out one has those behind the train split's. torch's generator looks at 32 bits of a seed."""


class DegradedSource:
    """A split of pairs that streams as its images do.

    Args:
        source: the images.
        rule: what is done to them.
        first_seed: of the noise of the first image; the next has the next seed.
    """

    is_resident = False

    def __init__(self, source: Source, rule: Degradation, first_seed: int) -> None:
        images = source.space
        assert isinstance(images, ImageSpace)
        self._source, self._rule, self._first_seed = source, rule, first_seed
        self.labels = source.labels
        self.space = PairedImages(2 * images.channels, images.height, images.width, scale=rule.scale, hole=rule.hole)
        self._content_hash = ""

    @property
    def num_samples(self) -> int:
        """N."""
        return self._source.num_samples

    @property
    def content_hash(self) -> str:
        """sha256 over size, pixels and labels; reads all of them, once."""
        if not self._content_hash:
            self._content_hash = hash_content(self)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return pairs ``[n, 2 C, H, W]`` uint8."""
        images = self._source.read(indices)
        return torch.cat([self._rule(images, [self._first_seed + index for index in indices.tolist()]), images], dim=1)


def build(options: RestoreOptions, context: DataContext) -> Dataset:
    """Return the pairs.

    Raises:
        ConfigError: a dataset that is unknown, is no dataset of images, or whose images the task cannot be done with.
    """
    images = underlying_dataset(options, context)
    _check(options, images)
    rule = Degradation(options, _hole(options, images.space))
    splits = [None if one is None else DegradedSource(one, rule, i * _SPLITS) for i, one in enumerate((images.train, images.test))]
    train, test = (one if one is None or not _fits(one, context) else _read_whole(one) for one in splits)
    assert train is not None
    return dataclasses.replace(images, name=f"{images.name}/{options.task}", train=train, test=test, mode_of=None, num_modes=0)


def _check(options: RestoreOptions, images: Dataset) -> None:
    """Refuse what the task cannot be done with.

    Raises:
        ConfigError: what it needs, and what there is.
    """
    space = images.space
    if not isinstance(space, ImageSpace) or isinstance(space, PairedImages):
        kind = "pairs" if isinstance(space, PairedImages) else space.unit
        raise ConfigError(f"restore degrades images (got {kind} of {images.name})", hint="name a dataset of images with -o dataset.of=NAME")
    if options.task == "colour" and space.channels != 3:
        got = "grey ones" if space.channels == 1 else f"{space.channels} channels"
        raise ConfigError(f"task=colour needs colour images (got {got} of {images.name})", hint="choose another task or dataset")
    scale = Degradation(options, 0).scale
    if space.height % scale or space.width % scale:
        size = f"{space.height}x{space.width}"
        raise ConfigError(
            f"task={options.task} needs a height and a width that are multiples of {scale} (got {size})", hint="choose another resolution"
        )


def _hole(options: RestoreOptions, space: object) -> int:
    """Return the side of the hidden square in pixels."""
    assert isinstance(space, ImageSpace)
    if options.task != "inpaint":
        return 0
    shorter = min(space.height, space.width)
    if shorter < 2:
        raise ConfigError(f"task=inpaint needs images of 2x2 or more (got {space.height}x{space.width})", hint="choose another resolution")
    return min(max(round(options.hole_size * shorter), 1), shorter - 1)


def _fits(pairs: DegradedSource, context: DataContext) -> bool:
    channels, height, width = pairs.space.size
    return pairs.num_samples * channels * height * width <= context.resident_limit_mib * 2**20


def _read_whole(pairs: DegradedSource) -> ArraySource:
    stored = torch.empty(pairs.num_samples, *pairs.space.size, dtype=torch.uint8)
    for start in range(0, pairs.num_samples, _PIECE):
        stored[start : start + _PIECE] = pairs.read(torch.arange(start, min(start + _PIECE, pairs.num_samples)))
    return ArraySource(stored, pairs.labels, space=pairs.space)

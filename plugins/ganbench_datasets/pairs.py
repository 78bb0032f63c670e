"""Pairs of images side by side in one file, as the datasets of pix2pix are published (facades, maps, edges2shoes).

The left half becomes the first channels of an image and the right half the others, so that both stay together wherever images go.
Isola et al. 2017, https://arxiv.org/abs/1611.07004; junyanz/pytorch-CycleGAN-and-pix2pix data/aligned_dataset.py.
"""

from __future__ import annotations

import io
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganbench import DataContext, DataError, Dataset, Source
from ganbench_datasets.decode import Decoder, UndecodableError, open_upright
from ganbench_datasets.file_list import list_images, shown
from ganbench_datasets.holdout import hold_out
from ganbench_datasets.image_files import Ids, SplitBuilder
from ganbench_datasets.options import PairsOptions
from ganbench_spaces.images import ImageSpace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairDecoder(Decoder):
    """How a file of two images becomes pixels; each half is squeezed into the square."""

    @property
    def space(self) -> ImageSpace:
        """Images of 2 C channels."""
        return ImageSpace(2 * self.channels, self.height, self.width)

    def _decode(self, data: bytes) -> tuple[NDArray[np.uint8], bool]:
        whole = open_upright(io.BytesIO(data))
        width, height = whole.size
        if width < 2:
            raise UndecodableError("too narrow for two images")
        both = self._flatten(whole)
        halves = [both.crop(box) for box in ((0, 0, width // 2, height), (width - width // 2, 0, width, height))]
        pixels = np.concatenate([self._half(half) for half in halves])
        return pixels, width // 2 < self.width or height < self.height

    def _half(self, image: Image.Image) -> NDArray[np.uint8]:
        pixels = np.asarray(self._resize(image))
        return pixels[None] if self.channels == 1 else pixels.transpose(2, 0, 1)


def build(options: PairsOptions, context: DataContext) -> Dataset:
    """Return the pairs below ``options.path``, and below ``options.test_path`` as held-out ones.

    Raises:
        ganbench.errors.DataError: no such directory, or no image in it.
    """
    root = Path(options.path).expanduser()
    builder = _builder(root, options, context)
    train, held_out = hold_out(len(builder.files), options.test_fraction)
    builders = [builder]
    train_split = builder.build(train)
    test_split = builder.build(held_out) if len(held_out) else None
    if options.test_path:
        builders.append(_builder(Path(options.test_path).expanduser(), options, context))
        test_split = _all_of(builders[-1])
    notes = tuple(note for one in builders for note in one.notes())
    for note in notes:
        _log.warning("pairs %s: %s", root, note)
    return Dataset(name=f"pairs:{shown(os.fsencode(root.resolve().name))}", train=train_split, test=test_split, notes=notes)


def _builder(root: Path, options: PairsOptions, context: DataContext) -> SplitBuilder:
    if not os.path.isdir(root):
        raise DataError(f"pairs: path must be a directory (got {str(root)!r})", hint="give it with -o path=DIR")
    files = list_images(root).files
    if not len(files):
        raise DataError(f"pairs: no image below {root}")
    size, channels = options.resolution, int(options.channels)
    decoder = PairDecoder(height=size, width=size, channels=channels, crop="none", background=options.background)
    hint = "mend or remove it, or use -o on_error=skip" if options.on_error == "fail" else None
    return SplitBuilder(files, decoder, None, context.resident_limit_mib, fail_hint=hint)


def _all_of(builder: SplitBuilder) -> Source:
    everything: Ids = np.arange(len(builder.files), dtype=np.int32)
    return builder.build(everything)

"""``shards``: what fits is decoded once and kept; of what does not any sample is read when it is wanted, ahead of the step by workers.

Which sample comes when does not depend on the shards, so that a run goes on at the same bits. Shapes: n images of C channels, H x W.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import ContentHasher, DataContext, DataError, Dataset, Source, default_workers, read_ahead
from ganbench_datasets.decode import Decoder, UndecodableError
from ganbench_datasets.holdout import hold_out
from ganbench_datasets.scan_cache import Scan, hash_sample, keep_scan, load_scan, scan_key
from ganbench_shards import ShardsOptions
from ganbench_shards.files import find_shards, forget, stamp, verify
from ganbench_shards.index import Index, make_index
from ganbench_spaces.images import ImageSpace, image_source

_PIECE = 64
_PIECE_BYTES = 2**20
_WORTH_WORKERS = 1000
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ShardSource:
    """A split that stays in its shards."""

    index: Index
    ids: NDArray[np.int32]
    """Which of the samples, in order."""
    decoder: Decoder
    content_hash: str = ""
    is_resident: bool = False

    @property
    def space(self) -> ImageSpace:
        """What an image becomes."""
        return self.decoder.space

    @property
    def num_samples(self) -> int:
        """N."""
        return len(self.ids)

    @property
    def labels(self) -> Tensor | None:
        """``[N]`` int64, or None."""
        return None if self.index.labels is None else torch.from_numpy(self.index.labels[self.ids])

    def read(self, indices: Tensor) -> Tensor:
        """Decode ``[n, C, H, W]`` uint8.

        Raises:
            ganbench.errors.DataError: an image cannot be read or decoded; it says where it lies.
        """
        pixels = np.empty((len(indices), *self.decoder.space.size), dtype=np.uint8)
        for out, position in zip(pixels, indices.tolist(), strict=True):
            number = int(self.ids[position])
            try:
                out[:] = self.decoder.decode_bytes(self.index.read(number))[0]
            except (UndecodableError, OSError) as error:
                reason = str(error.strerror or error) if isinstance(error, OSError) else str(error)
                raise DataError(f"shards: {self.index.where(number)}: {reason}", hint="mend the shard, or leave it out") from error
        return torch.from_numpy(pixels)


def build(options: ShardsOptions, context: DataContext) -> Dataset:
    """Return the images of the shards at ``options.path`` or ``options.address``.

    Raises:
        ganbench.errors.DataError: there is no shard, or one is damaged or not what its hash says.
    """
    if not (options.path or options.address):
        raise DataError("shards: neither path nor address names any", hint="say -o path=DIR")
    forget()
    shards = find_shards(options.path or options.address, options.only)
    if options.verify:
        verify(shards)
    index = make_index(shards, options.image, options.label)
    height, width = options.height_and_width()
    decoder = Decoder(height=height, width=width, channels=int(options.channels), crop=options.crop, background=options.background)
    train, test = (
        _split(ShardSource(index, ids, decoder), context.resident_limit_mib) if len(ids) else None
        for ids in hold_out(len(index), options.test_fraction)
    )
    assert train is not None
    name = shards[0].rpartition("/")[2].partition(".")[0].rstrip("0123456789-_") or "shards"
    num_classes = 0 if index.labels is None else int(index.labels.max()) + 1
    return Dataset(name=f"shards:{name}", train=train, test=test, num_classes=num_classes)


def _split(source: ShardSource, limit_mib: float) -> Source:
    """Return a split in memory where it fits, else as it is, with its content hashed once."""
    if source.num_samples * int(np.prod(source.space.size)) <= limit_mib * 2**20:
        return image_source(torch.cat(list(_decoded(source))), source.labels)
    labels = "" if source.labels is None else hashlib.sha256(source.labels.numpy().tobytes()).hexdigest()
    stamps = [stamp(shard) for shard in source.index.shards]
    ids = hashlib.sha256(source.ids.tobytes() + source.index.offset.tobytes()).hexdigest()
    key = scan_key("shards", PIL.__version__, stamps, ids, source.index.column, source.decoder, labels)
    kept, sample = load_scan(key), hash_sample(source)
    if kept is not None and kept.sample and kept.sample == sample:
        source.content_hash = kept.content_hash
        return source
    _log.info("decoding %d images once to check them and to hash their content; the result is kept in the cache", source.num_samples)
    hasher = ContentHasher(source.space)
    for pixels in _decoded(source):
        hasher.update(pixels)
    source.content_hash = hasher.finish(source.labels)
    keep_scan(key, Scan(content_hash=source.content_hash, sample=sample))
    return source


def _decoded(source: ShardSource) -> Iterator[Tensor]:
    """Yield all images in order, decoded by workers."""
    size = max(1, min(_PIECE, _PIECE_BYTES // int(np.prod(source.space.size))))
    pieces = (np.arange(start, min(start + size, source.num_samples)) for start in range(0, source.num_samples, size))
    return read_ahead(source.read, pieces, workers=default_workers() if source.num_samples >= _WORTH_WORKERS else 0)

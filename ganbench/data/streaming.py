"""The sampler of a split that does not fit: workers decode ahead of the training step.

Memory is bounded by batch size, workers and read-ahead, whatever the length of the dataset, apart from its index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.index_stream import IndexStream
from ganbench.data.normalise import normalise
from ganbench.data.read_ahead import Chunk, default_workers, read_ahead
from ganbench.data.sampler import Batch, SamplerState, position_in, sampler_state
from ganbench.data.source import ImageSource

__all__ = ["StreamingSampler", "default_workers"]

_Piece = tuple[Tensor, "Tensor | None"]  # images [n, C, H, W] uint8, labels [n] int64


@dataclass(frozen=True, slots=True)
class _ReadPiece:
    """What a worker does with a chunk of indices."""

    source: ImageSource
    labels: Tensor | None  # [N] int64, asked of the source once

    def __call__(self, indices: Tensor) -> _Piece:
        return self.source.read(indices), None if self.labels is None else self.labels[indices]


class StreamingSampler:
    """Draws through worker processes, pinned memory and prefetch.

    Args:
        source: the split.
        stream: the order, with its indices on the CPU.
        batch_size: images that are prepared together.
        device: where the batches are wanted.
        channels_last: memory format of the batches.
        workers: decoding processes; 0 decodes in this one.
        position: images drawn before.
    """

    def __init__(
        self,
        source: ImageSource,
        stream: IndexStream,
        *,
        batch_size: int,
        device: torch.device | str = "cpu",
        channels_last: bool = False,
        workers: int = 0,
        position: int = 0,
    ) -> None:
        self.source = source
        self.stream = stream
        self.batch_size = batch_size
        self.workers = workers
        self._device = torch.device(device)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._position = position
        self._pieces: Iterator[_Piece] | None = None
        self._rest: _Piece | None = None

    @property
    def position(self) -> int:
        """Images drawn so far; what the workers hold ready does not count."""
        return self._position

    def next(self, count: int) -> Batch:
        """Return the next ``count`` images."""
        images, labels = self._take(count)
        _, flips = self.stream.draw(self._position, count) if self.stream.horizontal_flip else (None, None)
        self._position += count
        moved = images.to(self._device, non_blocking=True).contiguous(memory_format=self._format)
        return Batch(
            normalise(moved, None if flips is None else flips.to(self._device, non_blocking=True)),
            None if labels is None else labels.to(self._device, non_blocking=True),
        )

    def _take(self, count: int) -> _Piece:
        taken, self._rest = self._rest or self._read(), None
        while len(taken[0]) < count:
            taken = _join(taken, self._read())
        if len(taken[0]) > count:
            taken, self._rest = _split(taken, count)
        return taken

    def _read(self) -> _Piece:
        if self._pieces is None:
            pinned = self._device.type == "cuda"
            read = _ReadPiece(self.source, self.source.labels)
            self._pieces = read_ahead(read, self._chunks(self._position), workers=self.workers, pin_memory=pinned)
        return next(self._pieces)

    def _chunks(self, position: int) -> Iterator[Chunk]:
        # Its own stream: the workers read ahead of the flips, and each stream holds one epoch.
        stream = IndexStream(self.stream.num_images, seed=self.stream.seed)
        while True:
            yield stream.draw(position, self.batch_size)[0].numpy()
            position += self.batch_size

    def state_dict(self) -> SamplerState:
        """Return position, seed and number of images."""
        return sampler_state(self._position, seed=self.stream.seed, num_images=self.stream.num_images)

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position; what the workers hold ready is dropped."""
        self._position = position_in(state, seed=self.stream.seed, num_images=self.stream.num_images)
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pieces = None
        self._rest = None


def _join(first: _Piece, second: _Piece) -> _Piece:
    labels = None if first[1] is None or second[1] is None else torch.cat([first[1], second[1]])
    return torch.cat([first[0], second[0]]), labels


def _split(piece: _Piece, count: int) -> tuple[_Piece, _Piece]:
    images, labels = piece
    if labels is None:
        return (images[:count], None), (images[count:], None)
    return (images[:count], labels[:count]), (images[count:], labels[count:])

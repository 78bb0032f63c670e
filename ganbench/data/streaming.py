"""The sampler of a split that does not fit: workers decode ahead of the training step.

Memory is bounded by batch size, workers and read-ahead, whatever the length of the dataset, apart from its index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.index_stream import IndexStream
from ganbench.data.read_ahead import Chunk, default_workers, read_ahead
from ganbench.data.sampler import Batch, SamplerState, position_in, sampler_state
from ganbench.data.source import Source

__all__ = ["StreamingSampler", "default_workers"]

_Piece = tuple[Tensor, "Tensor | None"]  # stored samples [n, ...], labels [n] int64


@dataclass(frozen=True, slots=True)
class _ReadPiece:
    """What a worker does with a chunk of indices."""

    source: Source
    labels: Tensor | None  # [N] int64, asked of the source once
    channels_last: bool

    def __call__(self, indices: Tensor) -> _Piece:
        samples = self.source.space.arrange(self.source.read(indices), channels_last=self.channels_last)
        return samples, None if self.labels is None else self.labels[indices]


@dataclass(frozen=True, slots=True)
class _Staged:
    """A batch on the device, still as it is stored; these tensors are written again for each batch, so that a captured phase finds it."""

    samples: Tensor  # as the space arranges them
    labels: Tensor | None  # [n] int64
    flips: Tensor | None  # [n] bool

    @classmethod
    def like(cls, piece: _Piece, count: int, *, flips: bool, device: torch.device) -> _Staged:
        samples, labels = piece
        return cls(
            samples.new_empty((count, *samples.shape[1:]), device=device),
            None if labels is None else labels.new_empty(count, device=device),
            torch.empty(count, dtype=torch.bool, device=device) if flips else None,
        )

    def fill(self, pieces: list[_Piece], flips: Tensor | None) -> None:
        start = 0
        for samples, labels in pieces:
            stop = start + len(samples)
            self.samples[start:stop].copy_(samples, non_blocking=True)
            if self.labels is not None and labels is not None:
                self.labels[start:stop].copy_(labels, non_blocking=True)
            start = stop
        if self.flips is not None and flips is not None:
            self.flips.copy_(flips.pin_memory() if self.flips.is_cuda else flips, non_blocking=True)


class StreamingSampler:
    """Draws through worker processes, pinned memory and prefetch.

    A captured phase must keep its count: another one makes the staged tensors anew.

    Args:
        source: the split.
        stream: the order, with its indices on the CPU.
        batch_size: samples that are prepared together.
        device: where the batches are wanted.
        channels_last: memory format of the batches.
        workers: decoding processes; 0 decodes in this one.
        position: samples drawn before.
    """

    def __init__(
        self,
        source: Source,
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
        self.channels_last = channels_last
        self._device = torch.device(device)
        self._position = position
        self._pieces: Iterator[_Piece] | None = None
        self._rest: _Piece | None = None
        self._staged: _Staged | None = None
        self._staged_count: int | None = None

    @property
    def position(self) -> int:
        """Samples drawn so far; what the workers hold ready does not count."""
        return self._position

    def next(self, count: int) -> Batch:
        """Return the next ``count`` samples."""
        self.stage(count)
        return self.take(count)

    def stage(self, count: int) -> None:
        """Copy the next samples to the device, as they come from the workers, behind the work that is queued there."""
        pieces = list(self._draw(count))
        flips = self.stream.draw(self._position, count)[1] if self.stream.horizontal_flip else None
        if self._staged is None or len(self._staged.samples) != count:
            self._staged = _Staged.like(pieces[0], count, flips=flips is not None, device=self._device)
        self._staged.fill(pieces, flips)
        self._position += count
        self._staged_count = count

    def take(self, count: int) -> Batch:
        """Return the staged samples."""
        assert self._staged is not None, f"take({count}) needs a stage({count}) before it (none yet)"
        assert self._staged_count == count, f"take({count}) needs a stage({count}) before it (staged: {self._staged_count})"
        self._staged_count = None
        samples = self.source.space.to_network(self._staged.samples, None, self._staged.flips, channels_last=self.channels_last)
        return Batch(samples, None if self._staged.labels is None else self._staged.labels.clone())

    def _draw(self, count: int) -> Iterator[_Piece]:
        """Yield pieces with ``count`` samples together."""
        while count:
            samples, labels = self._rest or self._read()
            here = min(count, len(samples))
            self._rest = None if here == len(samples) else (samples[here:], None if labels is None else labels[here:])
            yield samples[:here], None if labels is None else labels[:here]
            count -= here

    def _read(self) -> _Piece:
        if self._pieces is None:
            read = _ReadPiece(self.source, self.source.labels, self.channels_last)
            pinned = self._device.type == "cuda"
            self._pieces = read_ahead(read, self._chunks(self._position), workers=self.workers, pin_memory=pinned)
        return next(self._pieces)

    def _chunks(self, position: int) -> Iterator[Chunk]:
        # Its own stream: the workers read ahead of the flips, and each stream holds one epoch.
        stream = IndexStream(self.stream.num_samples, seed=self.stream.seed)
        while True:
            yield stream.draw(position, self.batch_size)[0].numpy()
            position += self.batch_size

    def state_dict(self) -> SamplerState:
        """Return position, seed and number of samples."""
        return sampler_state(self._position, seed=self.stream.seed, num_samples=self.stream.num_samples)

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position; what the workers hold ready is dropped."""
        self._position = position_in(state, seed=self.stream.seed, num_samples=self.stream.num_samples)
        self._staged_count = None
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pieces = None
        self._rest = None

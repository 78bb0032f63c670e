"""The sampler of a split that fits: its stored samples stay on the device.

The order of many batches ahead lies there too, with a cursor that says which is next: a batch needs nothing of the host, which fills the
window again when it runs out.
"""

from __future__ import annotations

import torch

from ganbench.data.index_stream import IndexStream
from ganbench.data.sampler import Batch, SamplerState, position_in, sampler_state
from ganbench.data.source import ArraySource

_WINDOW = 16_384
"""Positions that are drawn ahead; with labels and flips they take 384 KiB."""


class ResidentSampler:
    """Draws from device memory.

    A captured phase must keep its count, and no count after it may be larger than the window: that makes the window anew.

    Args:
        source: the split; without ``channels_last`` on the CPU its tensor is shared, not copied.
        stream: the order, with its indices on the CPU.
        device: where the samples are kept and the batches are wanted.
        channels_last: memory format of the batches.
        position: samples drawn before.
        window: positions that are drawn ahead.
    """

    def __init__(
        self,
        source: ArraySource,
        stream: IndexStream,
        *,
        device: torch.device | str = "cpu",
        channels_last: bool = False,
        position: int = 0,
        window: int = _WINDOW,
    ) -> None:
        self._space = source.space
        self.stored = source.space.arrange(source.stored, channels_last=channels_last).to(device)
        self.stream = stream
        self.channels_last = channels_last
        self._labels = source.labels  # on the CPU
        self._position = position
        self._staged: int | None = None
        self._cursor = torch.zeros(1, dtype=torch.int64, device=self.stored.device)  # what the device has taken of the window
        self._make_window(window)

    @property
    def position(self) -> int:
        """Samples drawn so far."""
        return self._position

    def next(self, count: int) -> Batch:
        """Return the next ``count`` samples."""
        self.stage(count)
        return self.take(count)

    def stage(self, count: int) -> None:
        """See to it that the window holds the next ``count`` positions; seldom more than an addition."""
        count = self.stream.ranks.part(count)
        start, stop = self._position, self._position + count
        if not (self._held.start <= start and stop <= self._held.stop):
            self._fill(start, count)
        self._position, self._staged = stop, count

    def take(self, count: int) -> Batch:
        """Return the staged samples, and move the cursor."""
        count = self.stream.ranks.part(count)
        assert self._staged == count, f"take({count}) needs a stage({count}) before it (staged: {self._staged})"
        self._staged = None
        drawn = self._window.index_select(1, self._places[:count] + self._cursor)  # [1 to 3, n]
        mirrored = drawn[-1].bool() if self.stream.horizontal_flip else None
        samples = self._space.to_network(self.stored, drawn[0], mirrored, channels_last=self.channels_last)
        self._cursor.add_(count)
        return Batch(samples, None if self._labels is None else drawn[1])

    def _make_window(self, length: int) -> None:
        rows = 1 + (self._labels is not None) + self.stream.horizontal_flip
        device = self.stored.device
        self._window = torch.empty(rows, length, dtype=torch.int64, device=device)  # indices, labels if any, flips if any
        self._places = torch.arange(length, device=device)
        self._held = range(0)

    def _fill(self, position: int, count: int) -> None:
        """Write the window that begins at ``position``; in the order of the device's work, behind the batches that are queued."""
        if count > self._window.shape[1]:
            self._make_window(count)
        length = self._window.shape[1]
        indices, flips = self.stream.draw(position, length)
        rows = [indices]
        if self._labels is not None:
            rows.append(self._labels[indices])
        if flips is not None:
            rows.append(flips.to(torch.int64))
        # A new block each time: PyTorch gives page-locked memory out again only when the copy from it is done.
        drawn = torch.empty(len(rows), length, dtype=torch.int64, pin_memory=self._window.is_cuda)
        self._window.copy_(torch.stack(rows, out=drawn), non_blocking=True)
        self._cursor.zero_()
        self._held = range(position, position + length)

    def state_dict(self) -> SamplerState:
        """Return position, seed and number of samples."""
        return sampler_state(self._position, seed=self.stream.seed, num_samples=self.stream.num_samples)

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position; the window is filled again, in place."""
        self._position = position_in(state, seed=self.stream.seed, num_samples=self.stream.num_samples)
        self._staged, self._held = None, range(0)

    def close(self) -> None:
        """Do nothing; there are no workers."""

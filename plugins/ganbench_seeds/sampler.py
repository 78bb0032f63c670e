"""The real samples of many seeds: each seed's own order, and one launch for the batches of all.

Shapes: S seeds, n samples in a batch of one seed, W positions that are drawn ahead, R rows of a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganbench import ArraySource, Batch, IndexStream, SamplerState, TrainingConfig

_WINDOW = 4096


class StackedSampler:
    """Draws ``[S, n, ...]`` from a split in memory; seed by seed the batches of the sampler that a run alone has.

    Args:
        source: the split, which all seeds share.
        seeds: of the orders.
        training: of every seed's run, but for the seed.
        device: where the samples are kept and the batches are wanted.
        position: samples of each seed drawn before.
    """

    def __init__(
        self, source: ArraySource, seeds: Sequence[int], training: TrainingConfig, device: torch.device, position: int = 0
    ) -> None:
        self._space, self._channels_last, self._device = source.space, training.channels_last, device
        self._stored = source.space.arrange(source.stored, channels_last=training.channels_last).to(device)
        self._labels = source.labels  # on the CPU
        self._flips = training.horizontal_flip
        self._streams = [IndexStream(source.num_samples, seed=seed, horizontal_flip=self._flips) for seed in seeds]
        self.position = position
        self._staged = 0
        self._window, self._held = torch.empty(0), range(0)  # [S, R, W]

    def next(self, count: int) -> Batch:
        """Return the next ``count`` samples of each seed."""
        self.stage(count)
        return self.take(count)

    def stage(self, count: int) -> None:
        """See to it that the window holds the next ``count`` positions of each seed."""
        start, stop = self.position, self.position + count
        if not (self._held.start <= start and stop <= self._held.stop):
            self._held = range(start, start + max(count, _WINDOW))
            self._window = torch.stack([self._rows(stream) for stream in self._streams]).to(self._device)
        self.position, self._staged = stop, count

    def take(self, count: int) -> Batch:
        """Return the staged samples, ``[S, n, ...]``, with labels ``[S, n]``."""
        assert self._staged == count, f"take({count}) needs a stage({count}) before it (staged: {self._staged})"
        self._staged, stop = 0, self.position - self._held.start
        drawn = self._window[:, :, stop - count : stop]  # [S, R, n]
        mirrored = drawn[:, -1].flatten().bool() if self._flips else None
        samples = self._space.to_network(self._stored, drawn[:, 0].flatten(), mirrored, channels_last=self._channels_last)
        return Batch(torch.unflatten(samples, 0, (len(drawn), count)), None if self._labels is None else drawn[:, 1])

    def _rows(self, stream: IndexStream) -> torch.Tensor:
        """Return a seed's part of the window: indices, labels if there are any, flips if there are any."""
        indices, flips = stream.draw(self._held.start, len(self._held))
        rows = [indices]
        if self._labels is not None:
            rows.append(self._labels[indices])
        if flips is not None:
            rows.append(flips.to(torch.int64))
        return torch.stack(rows)

    def state_dict(self) -> SamplerState:
        """Return the position; the seeds' own samplers know the rest."""
        return {"position": self.position}

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position."""
        self.position, self._held = state["position"], range(0)

    def close(self) -> None:
        """Do nothing; there are no workers."""

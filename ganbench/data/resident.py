"""The sampler of a split that fits: a uint8 tensor that stays on the device.

A batch is one gather and one normalisation there; the host only slices the epoch's permutation.
"""

from __future__ import annotations

import torch

from ganbench.data.index_stream import IndexStream
from ganbench.data.normalise import gather_normalise
from ganbench.data.sampler import Batch, SamplerState, position_in, sampler_state
from ganbench.data.source import ArraySource


class ResidentSampler:
    """Draws from device memory.

    Args:
        source: the split; without ``channels_last`` on the CPU its tensor is shared, not copied.
        stream: the order; its indices must come on the same device.
        device: where the images are kept and the batches are wanted.
        channels_last: memory format of the batches.
        position: images drawn before.
    """

    def __init__(
        self,
        source: ArraySource,
        stream: IndexStream,
        *,
        device: torch.device | str = "cpu",
        channels_last: bool = False,
        position: int = 0,
    ) -> None:
        images = source.images.permute(0, 2, 3, 1) if channels_last else source.images
        self.images = images.contiguous().to(device)  # [N, H, W, C] with channels_last, else [N, C, H, W]
        self.labels = None if source.labels is None else source.labels.to(device)
        self.stream = stream
        self.channels_last = channels_last
        self._position = position

    @property
    def position(self) -> int:
        """Images drawn so far."""
        return self._position

    def next(self, count: int) -> Batch:
        """Return the next ``count`` images."""
        indices, flips = self.stream.draw(self._position, count)
        self._position += count
        images = gather_normalise(self.images, indices, flips, channels_last=self.channels_last)
        return Batch(images, None if self.labels is None else self.labels.index_select(0, indices))

    def state_dict(self) -> SamplerState:
        """Return position, seed and number of images."""
        return sampler_state(self._position, seed=self.stream.seed, num_images=self.stream.num_images)

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position."""
        self._position = position_in(state, seed=self.stream.seed, num_images=self.stream.num_images)

    def close(self) -> None:
        """Do nothing; there are no workers."""

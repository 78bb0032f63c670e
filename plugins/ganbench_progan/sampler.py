"""Real images as the discriminator should see them while it grows: process_reals in train.py of tkarras/progressive_growing_of_gans."""

from __future__ import annotations

from torch import Tensor

from ganbench import Batch, Sampler, SamplerState
from ganbench_progan.growing import GrowingNetwork, blend, double, halve, reduce


def at_stage_of(network: GrowingNetwork, images: Tensor) -> Tensor:
    """Return images at a network's current resolution; while that fades in, blended with what the resolution before shows of them.

    Args:
        network: how far it has grown.
        images: ``[N, C, H, W]`` at full resolution.
    """
    images = reduce(images, network.current_resolution)
    return blend(double(halve(images)), images, network.alpha) if network.fading else images


class StagedSampler:
    """A sampler whose images are those of a network's stage.

    Args:
        sampler: of full images.
        network: how far it has grown, asked at each batch.
    """

    def __init__(self, sampler: Sampler, network: GrowingNetwork) -> None:
        self._sampler, self._network = sampler, network

    @property
    def position(self) -> int:
        """Images drawn so far."""
        return self._sampler.position

    def next(self, count: int) -> Batch:
        """Return the next ``count`` images."""
        self.stage(count)
        return self.take(count)

    def stage(self, count: int) -> None:
        """Do the host's work for the next ``count`` images."""
        self._sampler.stage(count)

    def take(self, count: int) -> Batch:
        """Return the staged images."""
        batch = self._sampler.take(count)
        return Batch(at_stage_of(self._network, batch.samples), batch.labels)

    def state_dict(self) -> SamplerState:
        """Return the position."""
        return self._sampler.state_dict()

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position."""
        self._sampler.load_state_dict(state)

    def close(self) -> None:
        """End the workers."""
        self._sampler.close()

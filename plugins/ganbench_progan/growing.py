"""What both networks have in common while they grow: how far they have grown, and how two resolutions are blended.

Shapes: N images, C channels, H, W an image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FIRST_RESOLUTION = 4


def level_of(resolution: int) -> int:
    """Return how often 4 is doubled to a resolution."""
    return resolution.bit_length() - FIRST_RESOLUTION.bit_length()


class GrowingNetwork(nn.Module):
    """A network with a layer for each resolution from 4 on, of which it uses the first ones. A new one is fully grown.

    Args:
        resolution: of the dataset's images, a power of two.
    """

    alpha: Tensor
    """How much of the newest resolution is blended in, a scalar; a buffer, so that captured steps follow it."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.grow(level_of(resolution), fading=False)
        self.register_buffer("alpha", torch.ones(()))

    def grow(self, level: int, *, fading: bool) -> None:
        """Use the layers up to a level; while fading, the newest is blended with the one before."""
        self.level, self.fading = level, fading

    @property
    def current_resolution(self) -> int:
        """Height and width of the images at this level."""
        return FIRST_RESOLUTION << self.level


def halve(images: Tensor) -> Tensor:
    """Return the mean of each 2x2 pixels."""
    return F.avg_pool2d(images, 2)


def double(images: Tensor) -> Tensor:
    """Return each pixel four times."""
    count, channels, height, width = images.shape
    # A sum is its derivative; that of F.interpolate may add in any order on a GPU.
    repeated = images[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2)
    return repeated.reshape(count, channels, 2 * height, 2 * width)


def reduce(images: Tensor, resolution: int) -> Tensor:
    """Return images at this resolution, a divisor of theirs, by averages."""
    factor = images.shape[-1] // resolution
    return images if factor == 1 else F.avg_pool2d(images, factor)


def enlarge(images: Tensor, resolution: int) -> Tensor:
    """Return images at this resolution, a multiple of theirs, by repetition."""
    return images if images.shape[-1] == resolution else F.interpolate(images, size=(resolution, resolution), mode="nearest")


def blend(old: Tensor, new: Tensor, alpha: Tensor) -> Tensor:
    """Return ``(1 - alpha) * old + alpha * new``."""
    return torch.lerp(old, new, alpha.to(old.dtype))

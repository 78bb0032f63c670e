"""The channels of BigGAN's feature maps, in units of the width (Brock et al. 2019, appendix B, tables 4 to 6 and ajbrock/BigGAN-PyTorch).

The article has 128x128 and up; 64x64 and 32x32 are of its author's code. 16x16 is ours: 32x32 with one generator block less; its
discriminator keeps its four blocks and ends at 4x4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

GENERATOR: Mapping[int, tuple[int, ...]] = {
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
DISCRIMINATOR: Mapping[int, tuple[int, ...]] = {
    16: (4, 4, 4, 4),
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}
_PLAIN_BLOCKS = {16: 2, 32: 2}
"""Blocks at the discriminator's end that keep the resolution, where it is not one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One residual block."""

    before: int
    """Channels that come in."""
    after: int
    """Channels that go out."""
    resolution: int
    """Height and width of what goes out."""
    resampled: bool
    """Whether the block doubles (generator) or halves (discriminator) the resolution."""


def generator_stages(resolution: int, width: int, units: Mapping[int, tuple[int, ...]] = GENERATOR) -> list[Stage]:
    """Return the generator's blocks, from 4x4 up; ``units`` are the channels by the resolution of the image."""
    channels = [width * unit for unit in units[resolution]]
    return [Stage(before=b, after=a, resolution=8 * 2**level, resampled=True) for level, (b, a) in enumerate(pairwise(channels))]


def discriminator_stages(
    resolution: int, width: int, image_channels: int, units: Mapping[int, tuple[int, ...]] = DISCRIMINATOR
) -> list[Stage]:
    """Return the discriminator's blocks, from the image down; ``units`` as above."""
    channels = [image_channels, *(width * unit for unit in units[resolution])]
    halvings = len(channels) - 1 - _PLAIN_BLOCKS.get(resolution, 1)
    stages = []
    for level, (before, after) in enumerate(pairwise(channels)):
        size = resolution // 2 ** min(level + 1, halvings)
        stages.append(Stage(before=before, after=after, resolution=size, resampled=level < halvings))
    return stages

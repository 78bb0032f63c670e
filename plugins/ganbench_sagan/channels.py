"""The channels of SAGAN's feature maps, in units of the width, as POSTECH-CVLab/PyTorch-StudioGAN models/resnet.py has them.

128x128 is the authors' (brain-research/self-attention-gan). 16x16 is ours: 32x32 with one generator block less; its discriminator ends at
4x4.
"""

from __future__ import annotations

from itertools import pairwise

from ganbench_biggan.channels import Stage

_GENERATOR = {
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (16, 8, 4, 2, 1),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
_DISCRIMINATOR = {
    16: (2, 2, 2, 2),
    32: (2, 2, 2, 2),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}
_PLAIN_BLOCKS = {16: 2, 32: 2}
"""Blocks at the discriminator's end that keep the resolution, where it is not one."""


def generator_stages(resolution: int, width: int) -> list[Stage]:
    """Return the generator's blocks, from 4x4 up."""
    channels = [width * unit for unit in _GENERATOR[resolution]]
    return [Stage(before=b, after=a, resolution=8 << level, resampled=True) for level, (b, a) in enumerate(pairwise(channels))]


def discriminator_stages(resolution: int, width: int, image_channels: int) -> list[Stage]:
    """Return the discriminator's blocks, from the image down."""
    channels = [image_channels, *(width * unit for unit in _DISCRIMINATOR[resolution])]
    halvings = len(channels) - 1 - _PLAIN_BLOCKS.get(resolution, 1)
    return [
        Stage(before=b, after=a, resolution=resolution >> min(level + 1, halvings), resampled=level < halvings)
        for level, (b, a) in enumerate(pairwise(channels))
    ]

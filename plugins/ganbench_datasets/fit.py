"""Bringing a split that lies in memory to another resolution.

Shapes: N images, C channels, h = w before, H = W after.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

_BLOCK = 512


def pad_to(images: Tensor, resolution: int) -> Tensor:
    """Put a black frame around images.

    Args:
        images: ``[N, C, h, w]`` uint8, h = w at most ``resolution``.
        resolution: H; where the frame cannot be even, the right and the lower side have the extra pixel.

    Returns:
        ``[N, C, H, W]`` uint8.
    """
    before = (resolution - images.shape[-1]) // 2
    after = resolution - images.shape[-1] - before
    return pad(images, (before, after, before, after)) if before or after else images


def resize_to(images: Tensor, resolution: int) -> Tensor:
    """Resize images by an antialiased bilinear filter.

    Args:
        images: ``[N, C, h, w]`` uint8, any strides.
        resolution: H.

    Returns:
        ``[N, C, H, W]`` uint8, contiguous.
    """
    if images.shape[-1] == resolution:
        return images.contiguous()
    resized = torch.empty((*images.shape[:2], resolution, resolution), dtype=torch.uint8)
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK].float()
        smooth = interpolate(block, size=(resolution, resolution), mode="bilinear", antialias=True, align_corners=False)
        resized[start : start + _BLOCK] = smooth.clamp_(0, 255).round_().to(torch.uint8)
    return resized

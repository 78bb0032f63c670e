"""How images are brought to the size and the channels that a feature network expects; each choice belongs to a preprocessing id.

Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

GREY_WEIGHTS = (0.299, 0.587, 0.114)
"""ITU-R BT.601 luma of red, green and blue, as Pillow's ``convert("L")``."""


def check_images(images: Tensor) -> None:
    """Make sure that a feature network was given what it can take.

    Args:
        images: ``[N, C, H, W]`` uint8 in [0, 255], C of 1 or 3.

    Raises:
        ValueError: another dtype, rank or number of channels.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise ValueError(f"images must be uint8 [N, C, H, W] (got {images.dtype} {list(images.shape)})")
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels (got {images.shape[1]})")


def to_grey(images: Tensor) -> Tensor:
    """Return ``[N, 1, H, W]`` float32 in [0, 255]: grey as it is, colour by :data:`GREY_WEIGHTS`.

    Args:
        images: ``[N, C, H, W]`` uint8 in [0, 255], C of 1 or 3.

    Raises:
        ValueError: another dtype, rank or number of channels.
    """
    check_images(images)
    if images.shape[1] == 1:
        return images.float()
    weights = torch.tensor(GREY_WEIGHTS, device=images.device).view(1, 3, 1, 1)
    return (images.float() * weights).sum(1, keepdim=True)


def to_colour(images: Tensor) -> Tensor:
    """Return ``[N, 3, H, W]`` uint8: colour as it is, grey repeated.

    Args:
        images: ``[N, C, H, W]`` uint8 in [0, 255], C of 1 or 3.

    Raises:
        ValueError: another dtype, rank or number of channels.
    """
    check_images(images)
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def resize_as_tensorflow(images: Tensor, resolution: int) -> Tensor:
    """Resize as TensorFlow 1's ``resize_bilinear`` does: pixel i lies at i times the scale, without half a pixel and without a filter.

    Agrees with torch-fidelity's ``interpolate_bilinear_2d_like_tensorflow1x`` to rounding, 1e-4 grey levels.

    Args:
        images: ``[N, C, H, W]`` float in [0, 255].
        resolution: H and W wanted, in pixels.

    Returns:
        ``[N, C, resolution, resolution]`` float in [0, 255], in memory of its own.
    """
    upper, lower, share = _neighbours(images.shape[2], resolution, images.device)
    rows = torch.lerp(images.index_select(2, upper), images.index_select(2, lower), share[:, None])
    left, right, share = _neighbours(images.shape[3], resolution, images.device)
    columns = torch.zeros(images.shape[3], resolution, device=images.device)  # a product of matrices costs less than picking columns
    places = torch.arange(resolution, device=images.device)
    columns.index_put_((left, places), 1 - share, accumulate=True)
    columns.index_put_((right, places), share, accumulate=True)
    return rows @ columns


def _neighbours(size: int, resolution: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each new pixel ``[resolution]`` the old ones before and behind it, and the share of the one behind."""
    at = torch.arange(resolution, dtype=torch.float32, device=device) * torch.tensor(size / resolution, dtype=torch.float32, device=device)
    before = at.long()
    return before, (before + 1).clamp_max(size - 1), at - before


def resize_antialiased(images: Tensor, resolution: int, *, mode: Literal["bilinear", "bicubic"]) -> Tensor:
    """Resize with a low-pass filter, as Pillow does, and clip what a bicubic kernel overshoots.

    Agrees with Pillow's resize of float images to 6e-3 grey levels.

    Args:
        images: ``[N, C, H, W]`` float in [0, 255].
        resolution: H and W wanted, in pixels.
        mode: the kernel.

    Returns:
        ``[N, C, resolution, resolution]`` float in [0, 255].
    """
    if images.shape[-2:] == (resolution, resolution):
        return images
    resized = interpolate(images, size=(resolution, resolution), mode=mode, align_corners=False, antialias=True)
    return resized.clamp(0, 255)


def resize_to_levels(images: Tensor, resolution: int) -> Tensor:
    """Resize by a bicubic kernel with a low-pass filter to whole grey levels, as Pillow resizes uint8 images.

    Along the rows and then along the columns, each to whole levels in [0, 255], in float64. Pillow's weights are in fixed point, by which
    one value in ten thousand is a level off; Pillow 13 begins with the columns where images are higher than wide and are made smaller.

    Args:
        images: ``[N, C, H, W]`` uint8.
        resolution: H and W wanted, in pixels.

    Returns:
        ``[N, C, resolution, resolution]`` float32 in [0, 255].
    """
    x = images.double()
    for size in ((images.shape[-2], resolution), (resolution, resolution)):
        if x.shape[-2:] != size:
            x = interpolate(x, size=size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 255).add(0.5).floor()
    return x.float()


def centre_square(images: Tensor) -> Tensor:
    """Return the largest square in the middle of ``[N, C, H, W]``; of two middles the upper left one."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]

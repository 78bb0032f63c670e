"""From uint8 images to a batch in [-1, 1]: the one arithmetic that both samplers share.

``x / 127.5 - 1`` by a true division: 0 and 255 become exactly -1 and 1, and the quantiser of the metrics takes every level back to itself.
"""

from __future__ import annotations

import torch
from torch import Tensor


def normalise(images: Tensor, flips: Tensor | None, *, width_dim: int = 3) -> Tensor:
    """Return uint8 images as float32 in [-1, 1], some of them mirrored.

    Args:
        images: 4-d uint8 in [0, 255].
        flips: ``[n]`` bool, which images to mirror; None for none.
        width_dim: the dimension that is mirrored.

    Returns:
        float32 of the same shape and strides.
    """
    if flips is not None:
        images = torch.where(flips.view(-1, 1, 1, 1), images.flip(width_dim), images)
    return torch.div(images, 127.5).sub_(1.0)


def gather_normalise(images: Tensor, indices: Tensor, flips: Tensor | None, *, channels_last: bool) -> Tensor:
    """Pick images and normalise them; a fused kernel may take this function's place.

    Nothing here depends on the values of ``indices``, allocates on the host or waits for the device, so that a CUDA graph can hold it.

    Args:
        images: the whole split, uint8, ``[N, H, W, C]`` with ``channels_last`` and ``[N, C, H, W]`` without.
        indices: ``[n]`` int64 on the same device.
        flips: ``[n]`` bool, or None.
        channels_last: how ``images`` is laid out, and the result's memory format.

    Returns:
        ``[n, C, H, W]`` float32 in [-1, 1].
    """
    chosen = images.index_select(0, indices)
    if channels_last:
        return normalise(chosen, flips, width_dim=2).permute(0, 3, 1, 2)
    return normalise(chosen, flips)

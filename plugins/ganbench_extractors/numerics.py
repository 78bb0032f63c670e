"""Features are float32 whatever the training around them uses: no autocast, no TF32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Run a block without autocast and, on a GPU, without TF32; then put the switches back."""
    with torch.autocast(device.type, enabled=False):
        if device.type != "cuda":
            yield
            return
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        matmul.allow_tf32 = cudnn.allow_tf32 = False
        try:
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = before


def by_batches(features: Callable[[Tensor], Tensor], images: Tensor, size: int, device: torch.device) -> Tensor:
    """Return the features of so many images at a time, in full float32 on the device.

    Args:
        features: of ``[n, ...]`` images on the device, n at most ``size``.
        images: ``[N, ...]``, anywhere.
        size: images at a time, which bounds the memory.
        device: where they are computed.
    """
    with full_float32(device):
        return torch.cat([features(part.to(device)) for part in torch.split(images, size)])

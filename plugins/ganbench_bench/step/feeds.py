"""Where a loop without a harness gets its batches: a tensor that is ready."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganbench_bench.step.harness import Harness


def from_tensor(harness: Harness, dtype: torch.dtype = torch.float32, images: Tensor | None = None) -> Iterator[Tensor]:
    """Yield the harness's batches from a tensor that is ready, ``[N, C, H, W]``.

    Args:
        harness: whose images, in its order.
        dtype: of the batches.
        images: all of them on the device, where somebody has them already.
    """
    ready = (harness.real_images(dtype) if images is None else images).contiguous()
    return (ready[indices] for indices in harness.order())

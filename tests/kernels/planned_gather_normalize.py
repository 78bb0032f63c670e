"""The gather's launches, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.gather_normalize import empty_batch
from ganbench_kernels.jit.gather_normalize import plan_gather_normalize
from ganbench_kernels.jit.launch import Launch


def _plan(dtype: torch.dtype, channels_last: bool, *, num_images: int, gathers: bool = True, mirrors: bool = True) -> Launch:
    shape = (64, 64, 3) if channels_last else (3, 64, 64)
    images = torch.empty(num_images, *shape, dtype=torch.uint8, device="meta")
    indices = torch.empty(128, dtype=torch.int64, device="meta") if gathers else None
    flips = torch.empty(128, dtype=torch.bool, device="meta") if mirrors else None
    return plan_gather_normalize(images, indices, flips, channels_last, empty_batch(images, indices, flips, channels_last, dtype))


def planned() -> dict[str, Planned]:
    """Return the launches by name: the resident sampler's with and without flips, and the streaming sampler's."""
    return {
        "fp32-nhwc-flips": Planned(_plan(torch.float32, True, num_images=50_000)),
        "bf16-nchw-flips": Planned(_plan(torch.bfloat16, False, num_images=50_000)),
        "fp32-nchw-past-2-31": Planned(_plan(torch.float32, False, num_images=2**31 // 12_288 + 1, mirrors=False)),
        "fp32-nhwc-in-order": Planned(_plan(torch.float32, True, num_images=128, gathers=False)),
    }

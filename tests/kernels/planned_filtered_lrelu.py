"""The launches of filtered_lrelu, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.filtered_lrelu_ops import Numbers, empty_result, wide_size
from ganbench_kernels.jit.filtered_lrelu import plan_filtered_lrelu, way_back, way_there


def plan(dtype: torch.dtype, *, up: int = 2, up_taps: int = 12, back: bool = False, last: bool = False) -> Planned:
    """Plan one with the filters of StyleGAN3's layers; a row of a tile is shorter than a vector, so that loads are of single numbers."""
    x = torch.empty(16, 64, 36, 36, dtype=dtype, device="meta")
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    bias, up_filter, down_filter = (torch.empty(count, device="meta") for count in (64, up_taps, 12))
    numbers = Numbers(up, 2, (9, 8, 9, 8), 0.2, 2**0.5, 256.0)
    y, wide = empty_result(x, up_filter, down_filter, numbers), wide_size(x, up_filter, numbers)
    if back:
        way = way_back(up_filter, down_filter, numbers)
        launch, _ = plan_filtered_lrelu(y, None, x, bias, x, way, wide, up_filter, numbers, sums=True)
    else:
        launch, _ = plan_filtered_lrelu(x, None, None, bias, y, way_there(up_filter, down_filter, numbers), wide, up_filter, numbers)
    return Planned(launch, wide=False, registers=255 if dtype == torch.float64 else 128)  # Triton 3.6 takes 240 for two maps in float64


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "fp32": plan(torch.float32),
        "bf16": plan(torch.bfloat16),
        "bf16-channels-last": plan(torch.bfloat16, last=True),
        "bf16-four-times": plan(torch.bfloat16, up=4, up_taps=24),
        "backward-fp32": plan(torch.float32, back=True),
        "backward-bf16": plan(torch.bfloat16, back=True),
        "backward-bf16-channels-last": plan(torch.bfloat16, back=True, last=True),
        "backward-bf16-four-times": plan(torch.bfloat16, up=4, up_taps=24, back=True),
        "fp64": plan(torch.float64),
        "backward-fp64": plan(torch.float64, back=True),
    }

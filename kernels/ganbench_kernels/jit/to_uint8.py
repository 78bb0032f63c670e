"""Kernel of :mod:`ganbench_kernels.to_uint8`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch

BLOCK = 4096


@triton.jit
def to_uint8_kernel(x_ptr, y_ptr, count, BLOCK: tl.constexpr):
    """y = trunc(clamp(127.5 x + 128, 0, 255)).

    x_ptr: [count] floating point; y_ptr: [count] uint8.
    Grid: one program for each BLOCK elements.
    """
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < count
    x = tl.load(x_ptr + offsets, mask=inside).to(tl.float32)
    scaled = tl.minimum(tl.maximum(x * 127.5 + 128.0, 0.0), 255.0)
    tl.store(y_ptr + offsets, scaled.to(tl.int32).to(tl.uint8), mask=inside)


def plan_to_uint8(x: Tensor, y: Tensor) -> Launch:
    """Plan the quantisation of dense ``x`` into ``y`` of the same strides."""
    count = x.numel()
    # Without fusing: at a half, 127.5 x + 128 in one rounding can end in another level than in two.
    return Launch(to_uint8_kernel, (triton.cdiv(count, BLOCK),), (x, y, count), {"BLOCK": BLOCK}, num_warps=8, fuse_multiply_add=False)


def launch(x: Tensor) -> Tensor:
    """Return the quantised images."""
    y = torch.empty_like(x, dtype=torch.uint8)
    if x.stride() != y.stride():  # not dense
        x = torch.empty_like(y, dtype=x.dtype).copy_(x)
    plan_to_uint8(x, y).run()
    return y

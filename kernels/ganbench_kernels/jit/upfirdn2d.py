"""Kernel of :mod:`ganbench_kernels.upfirdn2d`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.bias_act_ops import is_channels_last
from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.upfirdn2d import Sides, empty_output


@triton.jit
def upfirdn2d_kernel(
    x_ptr,
    filter_ptr,
    y_ptr,
    gain,
    numel,
    channels,
    height,
    width,
    rows,
    columns,
    stride_n,
    stride_c,
    stride_h,
    stride_w,
    left,
    top,
    UP: tl.constexpr,
    DOWN: tl.constexpr,
    TAPS: tl.constexpr,
    STEPS: tl.constexpr,
    FLIP: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """y[n, c, i, j] = gain * sum over s, t of filter[s] * filter[t] * z[n, c, i * DOWN + s - top, j * DOWN + t - left].

    z has the pixels of x at multiples of UP and zeros elsewhere, so that of the taps only every UP-th meets a pixel: STEPS of them.
    x_ptr: [N, C, height, width] of these strides; filter_ptr: [TAPS]; y_ptr: [N, C, rows, columns] without gaps, channels last or first.
    Grid: one program for each BLOCK of the results in memory's order.
    """
    ACC: tl.constexpr = tl.float64 if y_ptr.dtype.element_ty == tl.float64 else tl.float32
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < numel
    if CHANNELS_LAST:
        c = offsets % channels
        j = offsets // channels % columns
        i = offsets // channels // columns % rows
        n = offsets // channels // columns // rows
    else:
        j = offsets % columns
        i = offsets // columns % rows
        c = offsets // columns // rows % channels
        n = offsets // columns // rows // channels
    plane = x_ptr + n * stride_n + c * stride_c
    first_row = i * DOWN - top
    first_column = j * DOWN - left
    # The first tap that meets a pixel; the remainder of a negative number has either sign, depending on who divides.
    down_by = (UP - (first_row % UP + UP) % UP) % UP
    across_by = (UP - (first_column % UP + UP) % UP) % UP
    row = (first_row + down_by) // UP
    column = (first_column + across_by) // UP
    total = tl.zeros([BLOCK], ACC)
    for s in range(STEPS):  # not unrolled: all taps at once would need more registers than there are
        tap = down_by + s * UP
        in_rows = inside & (tap < TAPS) & (row + s >= 0) & (row + s < height)
        weight = tl.load(filter_ptr + (TAPS - 1 - tap if FLIP else tap), mask=inside & (tap < TAPS), other=0.0).to(ACC)
        line = tl.zeros([BLOCK], ACC)
        for t in tl.static_range(STEPS):
            tap = across_by + t * UP
            within = in_rows & (tap < TAPS) & (column + t >= 0) & (column + t < width)
            factor = tl.load(filter_ptr + (TAPS - 1 - tap if FLIP else tap), mask=inside & (tap < TAPS), other=0.0).to(ACC)
            pixel = tl.load(plane + (row + s) * stride_h + (column + t) * stride_w, mask=within, other=0.0).to(ACC)
            line += factor * pixel
        total += weight * line
    tl.store(y_ptr + offsets, (total * gain).to(y_ptr.dtype.element_ty), mask=inside)


def plan_upfirdn2d(x: Tensor, filter: Tensor, y: Tensor, up: int, down: int, sides: Sides, gain: float, flip: bool) -> Launch:
    """Plan the resampling of x into ``y [N, C, rows, columns]``, which is dense."""
    taps = len(filter)
    constants = {
        "UP": up,
        "DOWN": down,
        "TAPS": taps,
        "STEPS": triton.cdiv(taps, up),
        "FLIP": flip,
        "CHANNELS_LAST": is_channels_last(y) and not y.is_contiguous(),
        "BLOCK": 256 if x.dtype != torch.float64 else 128,
    }
    grid = (triton.cdiv(y.numel(), constants["BLOCK"]),)
    numbers = (gain, y.numel(), x.shape[1], x.shape[2], x.shape[3], y.shape[2], y.shape[3], *x.stride(), sides[0], sides[2])
    return Launch(upfirdn2d_kernel, grid, (x, filter, y, *numbers), constants)


def launch(x: Tensor, filter: Tensor, up: int, down: int, sides: Sides, gain: float, flip: bool) -> Tensor:
    """Return the result."""
    y = empty_output(x, filter, up, down, sides)
    plan_upfirdn2d(x, filter.contiguous(), y, up, down, sides, gain, flip).run()
    return y

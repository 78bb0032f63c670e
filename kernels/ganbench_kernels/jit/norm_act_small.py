"""Both directions of :mod:`ganbench_kernels.norm_act` in one launch each, for tensors so small that launches cost more than memory.

Each program has some channels whole, and reads them twice; the second time they come from a cache.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.jit.norm_act_gradients import group_sums, store_input_gradient
from ganbench_kernels.jit.norm_act_normalize import store_activations
from ganbench_kernels.jit.norm_act_statistics import group_statistics, store_statistics
from ganbench_kernels.jit.norm_act_tiling import Tiling, affine, over_columns, place

NUM_WARPS = 16
"""A program has much to do, and there are few of them."""


@triton.jit
def small_forward_kernel(
    x_ptr,
    weight_ptr,
    bias_ptr,
    running_mean_ptr,
    running_var_ptr,
    mean_ptr,
    invstd_ptr,
    y_ptr,
    rows,
    columns,
    momentum,
    eps,
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """mean, var of each channel; z = (x - mean) / sqrt(var + eps) weight + bias; y = z if z > 0 else SLOPE z.

    x_ptr, y_ptr: [rows, columns] floating point; mean_ptr, invstd_ptr: [columns / GROUP] in the accumulator's type; weight_ptr, bias_ptr,
    running_mean_ptr, running_var_ptr: [columns / GROUP] floating point, or None. GROUP is a plane.
    Grid: one program for each block of columns, with all rows.
    """
    dtype: tl.constexpr = mean_ptr.dtype.element_ty
    _, first, end, start = place(rows, columns, TILES * BLOCK_ROWS, BLOCK_COLUMNS)
    mean, m2 = group_statistics(x_ptr, first, end, start, columns, dtype, TILES, BLOCK_ROWS, BLOCK_COLUMNS, GROUP)
    channel = start // GROUP + tl.arange(0, BLOCK_COLUMNS // GROUP)
    inside = channel * GROUP < columns
    n = ((end - first) * GROUP).to(dtype)
    scale = store_statistics(channel, inside, mean, m2, n, mean_ptr, invstd_ptr, running_mean_ptr, running_var_ptr, momentum, eps)
    if weight_ptr is not None:
        scale = scale * tl.load(weight_ptr + channel, mask=inside, other=0.0).to(dtype)
    bias = tl.zeros_like(mean)
    if bias_ptr is not None:
        bias = tl.load(bias_ptr + channel, mask=inside, other=0.0).to(dtype)
    mean = over_columns(mean, BLOCK_COLUMNS, GROUP)
    scale = over_columns(scale, BLOCK_COLUMNS, GROUP)
    bias = over_columns(bias, BLOCK_COLUMNS, GROUP)
    store_activations(x_ptr, y_ptr, mean, scale, bias, first, end, start, columns, SLOPE, TILES, BLOCK_ROWS, BLOCK_COLUMNS)


@triton.jit
def small_backward_kernel(
    dy_ptr,
    x_ptr,
    mean_ptr,
    invstd_ptr,
    weight_ptr,
    bias_ptr,
    dweight_ptr,
    dbias_ptr,
    dx_ptr,
    rows,
    columns,
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """dbias = sum(dz); dweight = invstd sum(dz (x - mean)); dx = scale (dz - dbias / n - (x - mean) invstd dweight / n).

    dz = dy if z > 0 else SLOPE dy; scale = weight invstd.

    dy_ptr, x_ptr, dx_ptr: [rows, columns] floating point; mean_ptr, invstd_ptr, dweight_ptr, dbias_ptr: [columns / GROUP] in the
    accumulator's type; weight_ptr, bias_ptr: [columns / GROUP] floating point, or None. GROUP is a plane.
    Grid: one program for each block of columns, with all rows.
    """
    _, first, end, start = place(rows, columns, TILES * BLOCK_ROWS, BLOCK_COLUMNS)
    _, _, mean, scale, bias = affine(mean_ptr, invstd_ptr, weight_ptr, bias_ptr, start, columns, GROUP, BLOCK_COLUMNS, GROUP)
    dbias, product = group_sums(
        dy_ptr, x_ptr, mean, scale, bias, first, end, start, columns, SLOPE, TILES, BLOCK_ROWS, BLOCK_COLUMNS, GROUP
    )
    channel = start // GROUP + tl.arange(0, BLOCK_COLUMNS // GROUP)
    inside = channel * GROUP < columns
    invstd = tl.load(invstd_ptr + channel, mask=inside, other=0.0)
    dweight = product * invstd
    tl.store(dweight_ptr + channel, dweight, mask=inside)
    tl.store(dbias_ptr + channel, dbias, mask=inside)
    n = ((end - first) * GROUP).to(mean.dtype)
    invstd = over_columns(invstd, BLOCK_COLUMNS, GROUP)
    dweight = over_columns(dweight, BLOCK_COLUMNS, GROUP)
    dbias = over_columns(dbias, BLOCK_COLUMNS, GROUP)
    store_input_gradient(
        dy_ptr,
        x_ptr,
        dx_ptr,
        mean,
        scale,
        bias,
        invstd,
        dweight,
        dbias,
        n,
        first,
        end,
        start,
        columns,
        SLOPE,
        TILES,
        BLOCK_ROWS,
        BLOCK_COLUMNS,
    )


def plan_small_forward(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running: tuple[Tensor | None, Tensor | None],
    statistics: tuple[Tensor, Tensor],
    y: Tensor,
    tiling: Tiling,
    *,
    momentum: float,
    eps: float,
    slope: float,
) -> Launch:
    """Plan all of the forward; ``tiling`` is from :func:`~ganbench_kernels.jit.norm_act_tiling.small_tiling`."""
    sizes = (tiling.rows, tiling.columns)
    arguments = (x, weight, bias, *running, *statistics, y, *sizes, float(momentum), float(eps))
    return Launch(small_forward_kernel, tiling.grid, arguments, {"SLOPE": slope, **tiling.constants}, num_warps=NUM_WARPS)


def plan_small_backward(
    dy: Tensor,
    x: Tensor,
    statistics: tuple[Tensor, Tensor],
    weight: Tensor | None,
    bias: Tensor | None,
    sums: tuple[Tensor, Tensor],
    dx: Tensor,
    tiling: Tiling,
    *,
    slope: float,
) -> Launch:
    """Plan all of the backward, into ``sums``, which are dweight and dbias, and ``dx``."""
    arguments = (dy, x, *statistics, weight, bias, *sums, dx, tiling.rows, tiling.columns)
    return Launch(small_backward_kernel, tiling.grid, arguments, {"SLOPE": slope, **tiling.constants}, num_warps=NUM_WARPS)

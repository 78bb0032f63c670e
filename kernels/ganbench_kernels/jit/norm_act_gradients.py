"""The derivative of :mod:`ganbench_kernels.norm_act`: two sums for each channel, in two stages of fixed order, then dx.

The activation's mask is computed again from x, so nothing of x's size is saved but x.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.jit.norm_act_tiling import Tiling, affine, over_groups, parts_at, place, tile_at


@triton.jit
def group_sums(
    dy_ptr,
    x_ptr,
    mean,
    scale,
    bias,
    first,
    end,
    start,
    columns,
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Return sum(dz) and sum(dz (x - mean)) over the rows from ``first`` to ``end``, for each group of the block's columns."""
    total = tl.zeros([BLOCK_ROWS, BLOCK_COLUMNS], mean.dtype)
    product = tl.zeros([BLOCK_ROWS, BLOCK_COLUMNS], mean.dtype)
    for step in range(TILES):
        offsets, inside = tile_at(first + step * BLOCK_ROWS, end, start, columns, BLOCK_ROWS, BLOCK_COLUMNS)
        d = tl.load(x_ptr + offsets, mask=inside, other=0.0).to(mean.dtype) - mean[None, :]
        dy = tl.load(dy_ptr + offsets, mask=inside, other=0.0).to(mean.dtype)  # 0 outside, so dz is
        dz = tl.where(d * scale[None, :] + bias[None, :] > 0.0, dy, dy * SLOPE)
        total += dz
        product += dz * d
    return over_groups(tl.sum(total, axis=0), BLOCK_COLUMNS, GROUP), over_groups(tl.sum(product, axis=0), BLOCK_COLUMNS, GROUP)


@triton.jit
def store_input_gradient(
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
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
):
    """Store dx = scale (dz - dbias / n - (x - mean) invstd dweight / n) of the rows from ``first`` to ``end``."""
    offset = -dbias / n
    slope = -invstd * dweight / n
    for step in range(TILES):
        offsets, inside = tile_at(first + step * BLOCK_ROWS, end, start, columns, BLOCK_ROWS, BLOCK_COLUMNS)
        d = tl.load(x_ptr + offsets, mask=inside, other=0.0).to(mean.dtype) - mean[None, :]
        dy = tl.load(dy_ptr + offsets, mask=inside, other=0.0).to(mean.dtype)
        dz = tl.where(d * scale[None, :] + bias[None, :] > 0.0, dy, dy * SLOPE)
        dx = scale[None, :] * (dz + (d * slope[None, :] + offset[None, :]))
        tl.store(dx_ptr + offsets, dx.to(dx_ptr.dtype.element_ty), mask=inside)


@triton.jit
def partial_sums_kernel(
    dy_ptr,
    x_ptr,
    mean_ptr,
    invstd_ptr,
    weight_ptr,
    bias_ptr,
    sum_ptr,
    product_ptr,
    rows,
    columns,
    plane,
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """sum = sum(dz); product = sum(dz (x - mean)), over each program's rows and each group of columns; dz = dy if z > 0 else SLOPE dy.

    dy_ptr, x_ptr: [rows, columns] floating point; mean_ptr, invstd_ptr: [channels] in the accumulator's type; weight_ptr, bias_ptr:
    [channels] floating point, or None; sum_ptr, product_ptr: [chunks, columns / GROUP] in the accumulator's type.
    Grid: one program for each chunk of rows and block of columns.
    """
    chunk, first, end, start = place(rows, columns, TILES * BLOCK_ROWS, BLOCK_COLUMNS)
    _, _, mean, scale, bias = affine(mean_ptr, invstd_ptr, weight_ptr, bias_ptr, start, columns, plane, BLOCK_COLUMNS, GROUP)
    total, product = group_sums(
        dy_ptr, x_ptr, mean, scale, bias, first, end, start, columns, SLOPE, TILES, BLOCK_ROWS, BLOCK_COLUMNS, GROUP
    )
    groups = columns // GROUP
    group = start // GROUP + tl.arange(0, BLOCK_COLUMNS // GROUP)
    tl.store(sum_ptr + chunk * groups + group, total, mask=group < groups)
    tl.store(product_ptr + chunk * groups + group, product, mask=group < groups)


@triton.jit
def merge_sums_kernel(
    part_sum_ptr,
    part_product_ptr,
    invstd_ptr,
    dweight_ptr,
    dbias_ptr,
    rows,
    rows_per_program,
    channels,
    parts,
    per_channel,
    GROUP: tl.constexpr,
    PART_BLOCKS: tl.constexpr,
    BLOCK_PARTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """dbias = sum(sum_i); dweight = invstd sum(product_i).

    part_sum_ptr, part_product_ptr: [chunks, channels, per_channel]; invstd_ptr, dweight_ptr, dbias_ptr: [channels]; all in the
    accumulator's type.
    Grid: one program for each BLOCK_CHANNELS channels.
    """
    dtype = dbias_ptr.dtype.element_ty
    channel = tl.program_id(0).to(tl.int64) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    total = tl.zeros([BLOCK_CHANNELS], dtype)
    product = tl.zeros([BLOCK_CHANNELS], dtype)
    for step in range(PART_BLOCKS):
        offsets, inside, _ = parts_at(step * BLOCK_PARTS, channel, rows, rows_per_program, channels, parts, per_channel, GROUP, BLOCK_PARTS)
        total += tl.sum(tl.load(part_sum_ptr + offsets, mask=inside, other=0.0), axis=0)
        product += tl.sum(tl.load(part_product_ptr + offsets, mask=inside, other=0.0), axis=0)
    real = channel < channels
    tl.store(dbias_ptr + channel, total, mask=real)
    tl.store(dweight_ptr + channel, product * tl.load(invstd_ptr + channel, mask=real, other=0.0), mask=real)


@triton.jit
def input_gradient_kernel(
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
    plane,
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """dx = scale (dz - dbias / n - (x - mean) invstd dweight / n); scale = weight invstd; dz = dy if z > 0 else SLOPE dy.

    dy_ptr, x_ptr, dx_ptr: [rows, columns] floating point; mean_ptr, invstd_ptr, dweight_ptr, dbias_ptr: [channels] in the accumulator's
    type; weight_ptr, bias_ptr: [channels] floating point, or None.
    Grid: one program for each chunk of rows and block of columns.
    """
    _, first, end, start = place(rows, columns, TILES * BLOCK_ROWS, BLOCK_COLUMNS)
    channel, real, mean, scale, bias = affine(mean_ptr, invstd_ptr, weight_ptr, bias_ptr, start, columns, plane, BLOCK_COLUMNS, GROUP)
    n = (tl.full([1], rows, tl.int64) * plane).to(mean.dtype)  # rows may be a constant, which has no .to
    invstd = tl.load(invstd_ptr + channel, mask=real, other=0.0)
    dweight = tl.load(dweight_ptr + channel, mask=real, other=0.0)
    dbias = tl.load(dbias_ptr + channel, mask=real, other=0.0)
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


def plan_partial_sums(
    dy: Tensor,
    x: Tensor,
    statistics: tuple[Tensor, Tensor],
    weight: Tensor | None,
    bias: Tensor | None,
    parts: Tensor,
    tiling: Tiling,
    *,
    slope: float,
) -> Launch:
    """Plan the first stage of the sums, into ``parts``, ``[2, chunks, groups]``."""
    arguments = (dy, x, *statistics, weight, bias, parts[0], parts[1], tiling.rows, tiling.columns, tiling.plane)
    return Launch(partial_sums_kernel, tiling.grid, arguments, {"SLOPE": slope, **tiling.constants})


def plan_merge_sums(parts: Tensor, invstd: Tensor, dweight: Tensor, dbias: Tensor, tiling: Tiling) -> Launch:
    """Plan the second stage of the sums, into ``dweight`` and ``dbias``."""
    sizes = (tiling.rows, tiling.rows_per_program, tiling.channels, tiling.parts, tiling.groups_per_channel)
    arguments = (parts[0], parts[1], invstd, dweight, dbias, *sizes)
    return Launch(merge_sums_kernel, tiling.merging_grid, arguments, tiling.merging_constants, num_warps=8)


def plan_input_gradient(
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
    """Plan the pass that writes ``dx``; ``sums`` are dweight and dbias."""
    sizes = (tiling.rows, tiling.columns, tiling.plane)
    arguments = (dy, x, *statistics, weight, bias, *sums, dx, *sizes)
    return Launch(input_gradient_kernel, tiling.grid, arguments, {"SLOPE": slope, **tiling.constants})

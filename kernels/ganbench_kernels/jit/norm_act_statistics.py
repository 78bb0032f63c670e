"""Mean and variance of each channel, for :mod:`ganbench_kernels.norm_act`.

Two stages of fixed order, no atomics: each program reduces its rows to one row of partial results, then a few programs merge those, each
for a few channels. The same input gives the same bits.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.jit.norm_act_tiling import Tiling, over_columns, over_groups, parts_at, place, tile_at


@triton.jit
def group_statistics(
    x_ptr,
    first,
    end,
    start,
    columns,
    dtype: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Return mean = sum(x) / n and m2 = sum((x - mean)^2) over the rows from ``first`` to ``end``, for each group of the block's columns.

    Both come from sums of x - shift. The shift is the group's mean in the first tile, so a large mean costs no precision, and with T tiles
    the cancellation in m2 is by a factor of T at most, whatever the data.
    """
    offsets, inside = tile_at(first, end, start, columns, BLOCK_ROWS, BLOCK_COLUMNS)
    x = tl.load(x_ptr + offsets, mask=inside, other=0.0).to(dtype)
    seen = (tl.minimum(end - first, BLOCK_ROWS) * GROUP).to(dtype)
    group_shift = over_groups(tl.sum(x, axis=0), BLOCK_COLUMNS, GROUP) / seen
    shift = over_columns(group_shift, BLOCK_COLUMNS, GROUP)
    total = tl.zeros([BLOCK_ROWS, BLOCK_COLUMNS], dtype)
    squares = tl.zeros([BLOCK_ROWS, BLOCK_COLUMNS], dtype)
    for step in range(TILES):
        offsets, inside = tile_at(first + step * BLOCK_ROWS, end, start, columns, BLOCK_ROWS, BLOCK_COLUMNS)
        x = tl.load(x_ptr + offsets, mask=inside, other=0.0).to(dtype)
        d = tl.where(inside, x - shift[None, :], 0.0)
        total += d
        squares += d * d
    mean = over_groups(tl.sum(total, axis=0), BLOCK_COLUMNS, GROUP) / ((end - first) * GROUP).to(dtype)
    m2 = over_groups(tl.sum(squares, axis=0), BLOCK_COLUMNS, GROUP) - mean * mean * ((end - first) * GROUP).to(dtype)
    return group_shift + mean, tl.maximum(m2, 0.0)


@triton.jit
def store_statistics(channel, inside, mean, m2, n, mean_ptr, invstd_ptr, running_mean_ptr, running_var_ptr, momentum, eps):
    """Store mean and invstd = 1 / sqrt(m2 / n + eps), move the running statistics, and return invstd."""
    invstd = 1.0 / tl.sqrt(m2 / n + eps)
    tl.store(mean_ptr + channel, mean, mask=inside)
    tl.store(invstd_ptr + channel, invstd, mask=inside)
    if running_mean_ptr is not None:
        before = tl.load(running_mean_ptr + channel, mask=inside).to(mean.dtype)
        tl.store(running_mean_ptr + channel, before * (1.0 - momentum) + mean * momentum, mask=inside)
        before = tl.load(running_var_ptr + channel, mask=inside).to(mean.dtype)
        tl.store(running_var_ptr + channel, before * (1.0 - momentum) + m2 / (n - 1.0) * momentum, mask=inside)
    return invstd


@triton.jit
def partial_statistics_kernel(
    x_ptr,
    mean_ptr,
    m2_ptr,
    rows,
    columns,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """mean = sum(x) / n; m2 = sum((x - mean)^2), over each program's rows and each group of columns.

    x_ptr: [rows, columns] floating point; mean_ptr, m2_ptr: [chunks, columns / GROUP] in the accumulator's type.
    Grid: one program for each chunk of rows and block of columns.
    """
    dtype: tl.constexpr = mean_ptr.dtype.element_ty
    chunk, first, end, start = place(rows, columns, TILES * BLOCK_ROWS, BLOCK_COLUMNS)
    mean, m2 = group_statistics(x_ptr, first, end, start, columns, dtype, TILES, BLOCK_ROWS, BLOCK_COLUMNS, GROUP)
    groups = columns // GROUP
    group = start // GROUP + tl.arange(0, BLOCK_COLUMNS // GROUP)
    tl.store(mean_ptr + chunk * groups + group, mean, mask=group < groups)
    tl.store(m2_ptr + chunk * groups + group, m2, mask=group < groups)


@triton.jit
def merge_statistics_kernel(
    part_mean_ptr,
    part_m2_ptr,
    mean_ptr,
    invstd_ptr,
    running_mean_ptr,
    running_var_ptr,
    rows,
    rows_per_program,
    channels,
    parts,
    per_channel,
    momentum,
    eps,
    GROUP: tl.constexpr,
    PART_BLOCKS: tl.constexpr,
    BLOCK_PARTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """mean = sum(n_i mean_i) / n; m2 = sum(m2_i + n_i (mean_i - mean)^2); invstd = 1 / sqrt(m2 / n + eps) (Chan's formula for many parts).

    running_mean and running_var are moved by ``momentum`` towards mean and m2 / (n - 1).

    part_mean_ptr, part_m2_ptr: [chunks, channels, per_channel], parts = chunks * per_channel; mean_ptr, invstd_ptr: [channels], all in the
    accumulator's type; running_mean_ptr, running_var_ptr: [channels] floating point, or both None.
    Grid: one program for each BLOCK_CHANNELS channels.
    """
    dtype = mean_ptr.dtype.element_ty
    channel = tl.program_id(0).to(tl.int64) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    real = channel < channels
    shift = tl.load(part_mean_ptr + channel * per_channel, mask=real, other=0.0)
    n = (tl.full([1], rows, tl.int64) * per_channel * GROUP).to(dtype)  # rows may be a constant, which has no .to
    total = tl.zeros([BLOCK_CHANNELS], dtype)
    for step in range(PART_BLOCKS):
        offsets, inside, count = parts_at(
            step * BLOCK_PARTS, channel, rows, rows_per_program, channels, parts, per_channel, GROUP, BLOCK_PARTS
        )
        part_mean = tl.load(part_mean_ptr + offsets, mask=inside, other=0.0)
        total += tl.sum(tl.where(inside, part_mean - shift[None, :], 0.0) * count.to(dtype)[:, None], axis=0)
    mean = shift + total / n
    m2 = tl.zeros([BLOCK_CHANNELS], dtype)
    for step in range(PART_BLOCKS):
        offsets, inside, count = parts_at(
            step * BLOCK_PARTS, channel, rows, rows_per_program, channels, parts, per_channel, GROUP, BLOCK_PARTS
        )
        part_m2 = tl.load(part_m2_ptr + offsets, mask=inside, other=0.0)
        apart = tl.where(inside, tl.load(part_mean_ptr + offsets, mask=inside, other=0.0) - mean[None, :], 0.0)
        m2 += tl.sum(part_m2 + count.to(dtype)[:, None] * apart * apart, axis=0)
    store_statistics(channel, real, mean, m2, n, mean_ptr, invstd_ptr, running_mean_ptr, running_var_ptr, momentum, eps)


def plan_partial_statistics(x: Tensor, parts: Tensor, tiling: Tiling) -> Launch:
    """Plan the first stage.

    Args:
        x: dense.
        parts: ``[2, chunks, groups]``, for the partial means and sums of squares.
        tiling: of x.
    """
    arguments = (x, parts[0], parts[1], tiling.rows, tiling.columns)
    return Launch(partial_statistics_kernel, tiling.grid, arguments, tiling.constants)


def plan_merge_statistics(
    parts: Tensor,
    mean: Tensor,
    invstd: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    tiling: Tiling,
    *,
    momentum: float,
    eps: float,
) -> Launch:
    """Plan the second stage, into ``mean`` and ``invstd``, ``[channels]``, and the running statistics."""
    sizes = (tiling.rows, tiling.rows_per_program, tiling.channels, tiling.parts, tiling.groups_per_channel)
    arguments = (parts[0], parts[1], mean, invstd, running_mean, running_var, *sizes, float(momentum), float(eps))
    return Launch(merge_statistics_kernel, tiling.merging_grid, arguments, tiling.merging_constants, num_warps=8)

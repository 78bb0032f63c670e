"""The pass of :mod:`ganbench_kernels.norm_act` after the statistics: one read and one write."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.jit.norm_act_tiling import Tiling, affine, place, tile_at


@triton.jit
def store_activations(
    x_ptr,
    y_ptr,
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
):
    """Store y = z if z > 0 else SLOPE z, with z = (x - mean) scale + bias, of the rows from ``first`` to ``end``."""
    for step in range(TILES):
        offsets, inside = tile_at(first + step * BLOCK_ROWS, end, start, columns, BLOCK_ROWS, BLOCK_COLUMNS)
        x = tl.load(x_ptr + offsets, mask=inside, other=0.0).to(mean.dtype)
        z = (x - mean[None, :]) * scale[None, :] + bias[None, :]
        y = tl.where(z > 0.0, z, z * SLOPE)
        tl.store(y_ptr + offsets, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def normalize_kernel(
    x_ptr,
    mean_ptr,
    invstd_ptr,
    weight_ptr,
    bias_ptr,
    y_ptr,
    rows,
    columns,
    plane,
    SLOPE: tl.constexpr,
    TILES: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
):
    """z = (x - mean) invstd weight + bias; y = z if z > 0 else SLOPE z.

    x_ptr, y_ptr: [rows, columns] floating point; mean_ptr, invstd_ptr: [columns / plane] in the accumulator's type; weight_ptr, bias_ptr:
    [columns / plane] floating point, or None.
    Grid: one program for each chunk of rows and block of columns.
    """
    _, first, end, start = place(rows, columns, TILES * BLOCK_ROWS, BLOCK_COLUMNS)
    _, _, mean, scale, bias = affine(mean_ptr, invstd_ptr, weight_ptr, bias_ptr, start, columns, plane, BLOCK_COLUMNS, GROUP)
    store_activations(x_ptr, y_ptr, mean, scale, bias, first, end, start, columns, SLOPE, TILES, BLOCK_ROWS, BLOCK_COLUMNS)


def plan_normalize(
    x: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | None, bias: Tensor | None, y: Tensor, tiling: Tiling, *, slope: float
) -> Launch:
    """Plan the pass that writes ``y``, of the strides of dense ``x``."""
    arguments = (x, mean, invstd, weight, bias, y, tiling.rows, tiling.columns, tiling.plane)
    return Launch(normalize_kernel, tiling.grid, arguments, {"SLOPE": slope, **tiling.constants})

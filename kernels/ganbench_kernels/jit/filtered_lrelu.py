"""Kernel of :mod:`ganbench_kernels.filtered_lrelu`: both filters and the activation on one tile, which never leaves the chip.

A filter along one axis that also changes the rate is a matrix with a band of taps, so that both axes of it are two matrix products,
``A x B'``, for which GPUs have units. The bands are made where they are needed, from the filter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.bias_act_ops import is_channels_last
from ganbench_kernels.filtered_lrelu_ops import Numbers, empty_result, tile_for, wide_size
from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.upfirdn2d import empty_maps


@triton.jit
def filtered_lrelu_kernel(
    v_ptr,
    x_ptr,
    bias_ptr,
    h_ptr,
    up_ptr,
    down_ptr,
    mask_ptr,
    out_ptr,
    partial_ptr,
    channels,
    v_height,
    v_width,
    v_stride_n,
    v_stride_c,
    v_stride_h,
    v_stride_w,
    x_height,
    x_width,
    x_stride_n,
    x_stride_c,
    x_stride_h,
    x_stride_w,
    wide_height,
    wide_width,
    rows,
    columns,
    out_stride_n,
    out_stride_c,
    out_stride_h,
    out_stride_w,
    up_top,
    up_left,
    down_top,
    down_left,
    mask_top,
    mask_left,
    first_down,
    first_across,
    tiles_down,
    tiles_across,
    UP: tl.constexpr,
    UP_TAPS: tl.constexpr,
    DOWN: tl.constexpr,
    DOWN_TAPS: tl.constexpr,
    MASK_UP: tl.constexpr,
    MASK_TAPS: tl.constexpr,
    FLIP: tl.constexpr,
    SLOPE: tl.constexpr,
    GAIN: tl.constexpr,
    LIMIT: tl.constexpr,
    UP_GAIN: tl.constexpr,
    MASK_GAIN: tl.constexpr,
    DOWN_GAIN: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    TILE: tl.constexpr,
    V_SIZE: tl.constexpr,
    X_SIZE: tl.constexpr,
    WIDE: tl.constexpr,
    OUT_SIZE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """out = DOWN_GAIN * D f(UP_GAIN * U v U') D', f(t) = clamp(GAIN * leaky_relu(t + bias[c])); with x, f(g) = m(x) * (g + h[c]) instead.

    U[p, a] = up[a * UP - p + up_top], D[i, p] = down[p - i * DOWN + down_top], read from the filter's end if FLIP; m(x) is the slope of
    the activation at MASK_GAIN * M x M' + bias, M like U and never flipped.
    v_ptr: [N, C, v_height, v_width], x_ptr: [N, C, x_height, x_width], out_ptr: [N, C, rows, columns], each of its strides;
    bias_ptr, h_ptr: [C] or None; up_ptr, down_ptr, mask_ptr: the filters; partial_ptr: [C, N, tiles], the sums of f over the part of the
    wide map that is the tile's own, or None.
    Grid: one program for each TILE x TILE of the result of each plane, channels first or last as in memory.
    """
    ACC: tl.constexpr = tl.float64 if out_ptr.dtype.element_ty == tl.float64 else tl.float32
    program = tl.program_id(0).to(tl.int64)
    tiles = tiles_down * tiles_across
    if CHANNELS_LAST:  # neighbouring programs share the sectors of memory
        c = program % channels
        tile = program // channels % tiles
        n = program // channels // tiles
    else:
        tile = program % tiles
        c = program // tiles % channels
        n = program // tiles // channels
    row = (tile // tiles_across + first_down).to(tl.int32) * TILE
    column = (tile % tiles_across + first_across).to(tl.int32) * TILE
    first_p, first_q = row * DOWN - down_top, column * DOWN - down_left
    p, q = first_p + tl.arange(0, WIDE), first_q + tl.arange(0, WIDE)  # of the wide map
    plane = v_ptr + n * v_stride_n + c * v_stride_c
    wide = UP_GAIN * _enlarged(
        plane,
        up_ptr,
        first_p,
        first_q,
        v_height,
        v_width,
        v_stride_h,
        v_stride_w,
        up_top,
        up_left,
        UP,
        UP_TAPS,
        FLIP,
        V_SIZE,
        WIDE,
        ACC,
        PRECISION,
    )
    inside = ((p >= 0) & (p < wide_height))[:, None] & ((q >= 0) & (q < wide_width))[None, :]
    if x_ptr is None:
        f = wide
        if bias_ptr is not None:
            f += tl.load(bias_ptr + c).to(ACC)
        f = (tl.where(f <= 0, 0.0, f) if SLOPE == 0 else tl.where(f > 0, f, f * SLOPE)) * GAIN
        if LIMIT is not None:
            f = tl.where(f > LIMIT, LIMIT, f)  # not tl.minimum, which would hide a NaN
            f = tl.where(f < -LIMIT, -LIMIT, f)
    else:
        plane = x_ptr + n * x_stride_n + c * x_stride_c
        t = MASK_GAIN * _enlarged(
            plane,
            mask_ptr,
            first_p,
            first_q,
            x_height,
            x_width,
            x_stride_h,
            x_stride_w,
            mask_top,
            mask_left,
            MASK_UP,
            MASK_TAPS,
            False,
            X_SIZE,
            WIDE,
            ACC,
            PRECISION,
        )
        if bias_ptr is not None:
            t += tl.load(bias_ptr + c).to(ACC)
        if h_ptr is not None:
            wide += tl.load(h_ptr + c).to(ACC)
        f = tl.where(t > 0, wide * GAIN, wide * (GAIN * SLOPE))
        if LIMIT is not None:
            f = tl.where(tl.abs(tl.where(t > 0, t, t * SLOPE)) * GAIN < LIMIT, f, 0.0)
    f = tl.where(inside, f, 0.0)
    if partial_ptr is not None:
        own = (tl.arange(0, WIDE) < TILE * DOWN)[:, None] & (tl.arange(0, WIDE) < TILE * DOWN)[None, :]
        samples = tl.num_programs(0) // tiles // channels
        tl.store(partial_ptr + (c * samples + n) * tiles + tile, tl.sum(tl.sum(tl.where(own, f, 0.0), 1), 0))
    down = _band_down(down_ptr, row, p, down_top, DOWN, DOWN_TAPS, FLIP, OUT_SIZE, ACC)
    out = _product(down, f, PRECISION)
    down = _band_down(down_ptr, column, q, down_left, DOWN, DOWN_TAPS, FLIP, OUT_SIZE, ACC)
    out = DOWN_GAIN * _product(out, tl.trans(down), PRECISION)
    i = tl.arange(0, OUT_SIZE)
    kept = ((i < TILE) & (row + i >= 0) & (row + i < rows))[:, None] & ((i < TILE) & (column + i >= 0) & (column + i < columns))[None, :]
    places = (row + i).to(tl.int64)[:, None] * out_stride_h + (column + i).to(tl.int64)[None, :] * out_stride_w
    tl.store(out_ptr + n * out_stride_n + c * out_stride_c + places, out.to(out_ptr.dtype.element_ty), mask=kept)


@triton.jit
def _enlarged(
    plane,
    filter_ptr,
    first_p,
    first_q,
    height,
    width,
    stride_h,
    stride_w,
    top,
    left,
    UP: tl.constexpr,
    TAPS: tl.constexpr,
    FLIP: tl.constexpr,
    SIZE: tl.constexpr,
    WIDE: tl.constexpr,
    ACC: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Return the plane behind the first filter, at WIDE x WIDE places from the first ones."""
    a = _first(first_p - top, UP) + tl.arange(0, SIZE)
    b = _first(first_q - left, UP) + tl.arange(0, SIZE)
    p, q = first_p + tl.arange(0, WIDE), first_q + tl.arange(0, WIDE)
    inside = ((a >= 0) & (a < height))[:, None] & ((b >= 0) & (b < width))[None, :]
    places = a.to(tl.int64)[:, None] * stride_h + b.to(tl.int64)[None, :] * stride_w
    values = tl.load(plane + places, mask=inside, other=0.0).to(ACC)
    lines = _product(_taps(filter_ptr, a[None, :] * UP - p[:, None] + top, TAPS, FLIP, ACC), values, PRECISION)
    return _product(lines, _taps(filter_ptr, b[:, None] * UP - q[None, :] + left, TAPS, FLIP, ACC), PRECISION)


@triton.jit
def _first(place, UP: tl.constexpr):
    """Return place / UP, rounded up; the remainder of a negative number has either sign, depending on who divides."""
    return (place + (UP - (place % UP + UP) % UP) % UP) // UP


@triton.jit
def _band_down(
    filter_ptr, first, p, before, DOWN: tl.constexpr, TAPS: tl.constexpr, FLIP: tl.constexpr, SIZE: tl.constexpr, ACC: tl.constexpr
):
    i = first + tl.arange(0, SIZE)
    return _taps(filter_ptr, p[None, :] - i[:, None] * DOWN + before, TAPS, FLIP, ACC)


@triton.jit
def _taps(filter_ptr, tap, TAPS: tl.constexpr, FLIP: tl.constexpr, ACC: tl.constexpr):
    """Return the filter's taps of these numbers, and 0 where it has none."""
    place = TAPS - 1 - tap if FLIP else tap
    return tl.load(filter_ptr + place, mask=(tap >= 0) & (tap < TAPS), other=0.0).to(ACC)


@triton.jit
def _product(a, b, PRECISION: tl.constexpr):
    return tl.dot(a, b, input_precision=PRECISION, out_dtype=a.dtype)


class Way(NamedTuple):
    """From a map through the enlarged one to the result: rates, filters, and where they begin; the derivative goes the other way."""

    up: int
    up_filter: Tensor
    up_top: int
    up_left: int
    up_gain: float
    down: int
    down_filter: Tensor
    down_top: int
    down_left: int
    down_gain: float
    flip: bool


def way_there(up_filter: Tensor, down_filter: Tensor, numbers: Numbers) -> Way:
    """Return that of the forward."""
    left, _, top, _ = numbers.sides
    return Way(numbers.up, up_filter, top, left, float(numbers.up**2), numbers.down, down_filter, 0, 0, 1.0, False)


def way_back(up_filter: Tensor, down_filter: Tensor, numbers: Numbers) -> Way:
    """Return that of the derivative."""
    left, _, top, _ = numbers.sides
    surplus, last = len(down_filter) - 1, len(up_filter) - 1
    return Way(numbers.down, down_filter, surplus, surplus, 1.0, numbers.up, up_filter, last - top, last - left, float(numbers.up**2), True)


class Tiles(NamedTuple):
    """Which tiles of the result there are; with sums, so many that each place of the enlarged map is one's own."""

    first_down: int
    first_across: int
    down: int
    across: int


def tiles_of(out: Tensor, wide: tuple[int, int], way: Way, size: int, sums: bool) -> Tiles:
    """Return the tiles of a result."""
    first_down, down = _along(out.shape[2], wide[0], way.down_top, size, size * way.down, sums)
    first_across, across = _along(out.shape[3], wide[1], way.down_left, size, size * way.down, sums)
    return Tiles(first_down, first_across, down, across)


def _along(count: int, wide: int, before: int, size: int, stride: int, sums: bool) -> tuple[int, int]:
    first, end = 0, triton.cdiv(count, size)
    if sums:
        first, end = min(first, before // stride), max(end, triton.cdiv(wide + before, stride))
    return first, end - first


def plan_filtered_lrelu(
    v: Tensor,
    h: Tensor | None,
    x: Tensor | None,
    bias: Tensor | None,
    out: Tensor,
    way: Way,
    wide: tuple[int, int],
    up_filter: Tensor,
    numbers: Numbers,
    sums: bool = False,
) -> tuple[Launch, Tensor | None]:
    """Plan the way of v into ``out``, whose strides have no gaps.

    Args:
        v: ``[N, C, H, W]``, what is enlarged.
        h: ``[C]``, added to it at the high rate where x is given; None for nothing.
        x: what decides the slope at every place; None for the activation of v itself.
        bias: ``[C]``, of v or of x.
        out: ``[N, C, h, w]``.
        way: rates and filters.
        wide: height and width of the enlarged map.
        up_filter: that of x.
        numbers: those of the forward.
        sums: whether the sums over the enlarged map are wanted.

    Returns:
        The launch, and the partial sums ``[C, parts]`` that it makes, or None.
    """
    left, _, top, _ = numbers.sides
    up_taps, down_taps = len(way.up_filter), len(way.down_filter)
    tile = tile_for(way.up, up_taps, way.down, down_taps, numbers.up, len(up_filter))
    assert tile is not None
    tiles = tiles_of(out, wide, way, tile.size, sums)
    partial = None
    if sums:
        partial = out.new_empty(out.shape[1], out.shape[0] * tiles.down * tiles.across, dtype=_accumulator(out.dtype))
    of_x = (0,) * 6 if x is None else (*x.shape[2:], *x.stride())
    arguments = (
        *(v, x, bias, h, way.up_filter, way.down_filter, None if x is None else up_filter, out, partial, out.shape[1]),
        *(*v.shape[2:], *v.stride(), *of_x, *wide, *out.shape[2:], *out.stride()),
        *(way.up_top, way.up_left, way.down_top, way.down_left, top, left, *tiles),
    )
    constants: dict[str, Any] = {
        "UP": way.up,
        "UP_TAPS": up_taps,
        "DOWN": way.down,
        "DOWN_TAPS": down_taps,
        "MASK_UP": numbers.up,
        "MASK_TAPS": len(up_filter),
        "FLIP": way.flip,
        "SLOPE": numbers.negative_slope,
        "GAIN": numbers.gain,
        "LIMIT": numbers.clamp,
        "UP_GAIN": way.up_gain,
        "MASK_GAIN": float(numbers.up**2),
        "DOWN_GAIN": way.down_gain,
        "CHANNELS_LAST": is_channels_last(out) and not out.is_contiguous(),
        "TILE": tile.size,
        "V_SIZE": tile.source,
        "X_SIZE": tile.mask,
        "WIDE": tile.wide,
        "OUT_SIZE": tile.out,
        "PRECISION": _precision(out.dtype),
    }
    grid = (out.shape[0] * out.shape[1] * tiles.down * tiles.across,)
    few = out.element_size() == 2 and x is None  # two enlarged maps take 168 registers of four warps on sm_80, 128 of eight
    return Launch(filtered_lrelu_kernel, grid, arguments, constants, num_warps=4 if few else 8), partial


def launch_forward(x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *rest: Any) -> Tensor:
    """Return y."""
    return _there(x, None, None, bias, up_filter, down_filter, Numbers(*rest))


def launch_tangent(
    v: Tensor, h: Tensor | None, x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *rest: Any
) -> Tensor:
    """Return how y moves with x and bias."""
    return _there(v, h, x, bias, up_filter, down_filter, Numbers(*rest))


def launch_backward(
    dy: Tensor, x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *rest: Any
) -> tuple[Tensor, Tensor]:
    """Return dx, and db in a dtype, or nothing where that is None."""
    *given, dtype = rest
    numbers, up_filter, down_filter = Numbers(*given), up_filter.contiguous(), down_filter.contiguous()
    way, dx, wide = way_back(up_filter, down_filter, numbers), empty_maps(x, *x.shape[2:]), wide_size(x, up_filter, numbers)
    launch, partial = plan_filtered_lrelu(dy, None, x, _dense(bias), dx, way, wide, up_filter, numbers, sums=dtype is not None)
    launch.run()
    return dx, x.new_empty(0) if partial is None else partial.sum(dim=1).to(dtype)


def _there(
    v: Tensor, h: Tensor | None, x: Tensor | None, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, numbers: Numbers
) -> Tensor:
    up_filter, down_filter = up_filter.contiguous(), down_filter.contiguous()
    out = empty_result(v if x is None else x, up_filter, down_filter, numbers)
    way, wide = way_there(up_filter, down_filter, numbers), wide_size(v, up_filter, numbers)
    plan_filtered_lrelu(v, _dense(h), x, _dense(bias), out, way, wide, up_filter, numbers)[0].run()
    return out


def _dense(vector: Tensor | None) -> Tensor | None:
    return None if vector is None else vector.contiguous()


def _accumulator(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _precision(dtype: torch.dtype) -> str:
    """Return how exact the products are: 11 bits are enough for types of 8 and 11 bits, on the units for matrices; float32 needs its 24."""
    return "tf32" if dtype in (torch.bfloat16, torch.float16) else "ieee"

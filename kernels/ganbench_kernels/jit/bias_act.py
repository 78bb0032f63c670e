"""Kernels of :mod:`ganbench_kernels.bias_act`.

Both look at a tensor as a table ``[rows, width]`` of its memory, in tiles of ``[ROWS, COLS]``:

- channels first (PLANES): a row is the plane of one sample and channel, so a row has one bias;
- channels last: a row is one position, or several to make the width a multiple of 64, so a column has one bias.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def bias_act_kernel(
    x_ptr,
    bias_ptr,
    y_ptr,
    total,
    width,
    channels,
    SLOPE: tl.constexpr,
    GAIN: tl.constexpr,
    LIMIT: tl.constexpr,
    PLANES: tl.constexpr,
    WRAP: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
):
    """y = clamp(GAIN * (t if t > 0 else SLOPE * t), -LIMIT, LIMIT) of t = x + bias[channel].

    x_ptr, y_ptr: [rows, width], total elements; bias_ptr: [channels] or None.
    Grid: one program for each tile, along the rows first.
    """
    col_blocks = tl.cdiv(width, COLS)
    block = tl.program_id(0)
    row, col = (block // col_blocks).to(tl.int64) * ROWS, (block % col_blocks).to(tl.int64) * COLS
    offsets, inside = _places(row, col, total, width, EVEN, ROWS, COLS)
    t = _wide(tl.load(x_ptr + offsets, mask=inside))
    if bias_ptr is not None:
        _, channel = _channels(row if PLANES else col, channels, WRAP, ROWS if PLANES else COLS)
        t += _broadcast(_wide(tl.load(bias_ptr + channel)), PLANES)
    # For a slope of 0 like torch.relu: -inf becomes 0, and NaN stays.
    a = tl.where(t <= 0, 0.0, t) if SLOPE == 0 else tl.where(t > 0, t, t * SLOPE)
    y = a * GAIN
    if LIMIT is not None:
        y = tl.where(y > LIMIT, LIMIT, y)  # not tl.minimum, which would hide a NaN
        y = tl.where(y < -LIMIT, -LIMIT, y)
    tl.store(y_ptr + offsets, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def bias_act_backward_kernel(
    g_ptr,
    h_ptr,
    y_ptr,
    out_ptr,
    partial_ptr,
    total,
    width,
    channels,
    parts,
    SLOPE: tl.constexpr,
    GAIN: tl.constexpr,
    LIMIT: tl.constexpr,
    PLANES: tl.constexpr,
    WRAP: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
    STEPS: tl.constexpr,
):
    """out = m(y) * (g + h[channel]), m(y) = GAIN * (1 if y > 0 else SLOPE) where |y| < LIMIT and 0 elsewhere; partial sums of out.

    g_ptr: [rows, width], total elements, or None; h_ptr: [channels] or None; y_ptr, out_ptr: like g_ptr; partial_ptr: [channels, parts],
    the sums over strips of STEPS tiles (along the row of a plane, else down the rows), or None, which it must be where h is not.
    Grid: one program for each strip of STEPS tiles, along the rows first.
    """
    ROW_STEP: tl.constexpr = 0 if PLANES else ROWS
    COL_STEP: tl.constexpr = COLS if PLANES else 0
    STRIP_ROWS: tl.constexpr = ROWS if PLANES else ROWS * STEPS
    STRIP_COLS: tl.constexpr = COLS * STEPS if PLANES else COLS
    col_blocks = tl.cdiv(width, STRIP_COLS)
    block = tl.program_id(0)
    row_block, col_block = (block // col_blocks).to(tl.int64), (block % col_blocks).to(tl.int64)
    row, col = row_block * STRIP_ROWS, col_block * STRIP_COLS
    turn, channel = _channels(row if PLANES else col, channels, WRAP, ROWS if PLANES else COLS)
    if h_ptr is not None:
        h = _broadcast(_wide(tl.load(h_ptr + channel)), PLANES)
    if partial_ptr is not None:
        sums = tl.zeros([ROWS, COLS], dtype=partial_ptr.dtype.element_ty)
    for step in range(STEPS):
        offsets, inside = _places(row + step * ROW_STEP, col + step * COL_STEP, total, width, EVEN, ROWS, COLS)
        y = _wide(tl.load(y_ptr + offsets, mask=inside, other=0.0))
        if g_ptr is None:
            out = tl.broadcast_to(h, y.shape)
        else:
            out = _wide(tl.load(g_ptr + offsets, mask=inside, other=0.0))
            if h_ptr is not None:
                out += h
        out = tl.where(y > 0, out * GAIN, 0.0) if SLOPE == 0 else tl.where(y > 0, out * GAIN, out * (GAIN * SLOPE))
        if LIMIT is not None:
            out = tl.where(tl.abs(y) < LIMIT, out, 0.0)
        tl.store(out_ptr + offsets, out.to(out_ptr.dtype.element_ty), mask=inside)
        if partial_ptr is not None:
            sums += out
    if partial_ptr is not None:
        strips = col_blocks if PLANES else tl.num_programs(0) // col_blocks
        strip = col_block if PLANES else row_block
        place = channel.to(tl.int64) * parts + turn * strips + strip
        if PLANES:
            tl.store(partial_ptr + place, tl.sum(sums, axis=1), mask=(row + tl.arange(0, ROWS)) * width < total)
        else:
            tl.store(partial_ptr + place, tl.sum(sums, axis=0))


@triton.jit
def _places(row, col, total, width, EVEN: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    """Return the 64-bit offsets of the tile at (row, col), and which of them exist."""
    cols = (col + tl.arange(0, COLS))[None, :]
    offsets = (row + tl.arange(0, ROWS))[:, None] * width + cols
    inside = offsets < total
    if not EVEN:
        inside &= cols < width
    return offsets, inside


@triton.jit
def _channels(first, channels, WRAP: tl.constexpr, SIZE: tl.constexpr):
    """Return, for SIZE rows (or columns) from the first, how often the channels have been gone through before it, and its channel."""
    if WRAP:
        beyond = (first % channels).to(tl.int32) + tl.arange(0, SIZE)
        turn, channel = first // channels + beyond // channels, beyond % channels
    else:
        turn, channel = first * 0, first + tl.arange(0, SIZE)
    return turn, channel


@triton.jit
def _broadcast(values, PLANES: tl.constexpr):
    return values[:, None] if PLANES else values[None, :]


@triton.jit
def _wide(values):
    """Arithmetic is in float32, and in float64 for float64."""
    if values.dtype != tl.float64:
        values = values.to(tl.float32)
    return values

"""Kernels of :mod:`ganbench_kernels.scaled_bias_act`: tiles ``[channels, pixels]`` of one sample's map, in either layout."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.bias_act_ops import Curve, in_layout_of, to_layout
from ganbench_kernels.jit.launch import Launch

Sums = tuple[Tensor | None, Tensor | None, Tensor | None]
"""The partial sums of the bias, the scale and the noise."""
TILE = 2048
"""Elements that a program holds at once; half as many of float64."""


@triton.jit
def scaled_bias_act_kernel(
    x_ptr,
    scale_ptr,
    noise_ptr,
    bias_ptr,
    y_ptr,
    channels,
    pixels,
    noise_stride,
    SLOPE: tl.constexpr,
    GAIN: tl.constexpr,
    LIMIT: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
):
    """y = clamp(GAIN * leaky_relu(x * scale[n, c] + noise[n, p] + bias[c]), -LIMIT, LIMIT).

    x_ptr, y_ptr: [N, channels, pixels], channels last or first; scale_ptr: [N, channels]; noise_ptr: [N, pixels] with noise_stride from
    sample to sample; bias_ptr: [channels]; each of the last three may be None.
    Grid: one program for each tile of each sample.
    """
    ACC: tl.constexpr = tl.float64 if y_ptr.dtype.element_ty == tl.float64 else tl.float32
    n, c, p = _place(channels, pixels, ROWS, COLS)
    places, inside = _offsets(n, c, p, channels, pixels, CHANNELS_LAST)
    t = _argument(
        tl.load(x_ptr + places, mask=inside, other=0.0).to(ACC), scale_ptr, noise_ptr, bias_ptr, n, c, p, channels, pixels, noise_stride
    )
    y = (tl.where(t <= 0, 0.0, t) if SLOPE == 0 else tl.where(t > 0, t, t * SLOPE)) * GAIN
    if LIMIT is not None:
        y = tl.where(y > LIMIT, LIMIT, y)  # not tl.minimum, which would hide a NaN
        y = tl.where(y < -LIMIT, -LIMIT, y)
    tl.store(y_ptr + places, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def scaled_bias_act_backward_kernel(
    dy_ptr,
    x_ptr,
    scale_ptr,
    noise_ptr,
    bias_ptr,
    dx_ptr,
    by_channel_ptr,
    by_x_ptr,
    by_pixel_ptr,
    channels,
    pixels,
    noise_stride,
    SLOPE: tl.constexpr,
    GAIN: tl.constexpr,
    LIMIT: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
):
    """dx = u * scale[n, c], u = m * dy, m the slope at x; the sums of u over pixels, of u * x over pixels, and of u over channels.

    dy_ptr, dx_ptr: like x_ptr, which with the next three is as in the forward; by_channel_ptr, by_x_ptr: [N, channels, tiles of pixels];
    by_pixel_ptr: [N, tiles of channels, pixels]; each of these three may be None.
    Grid: one program for each tile of each sample.
    """
    ACC: tl.constexpr = tl.float64 if dx_ptr.dtype.element_ty == tl.float64 else tl.float32
    n, c, p = _place(channels, pixels, ROWS, COLS)
    places, inside = _offsets(n, c, p, channels, pixels, CHANNELS_LAST)
    x = tl.load(x_ptr + places, mask=inside, other=0.0).to(ACC)
    t = _argument(x, scale_ptr, noise_ptr, bias_ptr, n, c, p, channels, pixels, noise_stride)
    dy = tl.load(dy_ptr + places, mask=inside, other=0.0).to(ACC)
    u = tl.where(t > 0, dy * GAIN, dy * (GAIN * SLOPE))
    if LIMIT is not None:
        u = tl.where(tl.abs(tl.where(t > 0, t, t * SLOPE)) * GAIN < LIMIT, u, 0.0)
    dx = u
    if scale_ptr is not None:
        dx = u * tl.load(scale_ptr + n * channels + c, mask=c < channels, other=0.0).to(ACC)[:, None]
    tl.store(dx_ptr + places, dx.to(dx_ptr.dtype.element_ty), mask=inside)
    across, down = tl.cdiv(pixels, COLS), tl.cdiv(channels, ROWS)
    tile = tl.program_id(0) % (across * down)
    if by_channel_ptr is not None:
        tl.store(by_channel_ptr + (n * channels + c) * across + tile % across, tl.sum(u, 1), mask=c < channels)
    if by_x_ptr is not None:
        tl.store(by_x_ptr + (n * channels + c) * across + tile % across, tl.sum(u * x, 1), mask=c < channels)
    if by_pixel_ptr is not None:
        tl.store(by_pixel_ptr + (n * down + tile // across) * pixels + p, tl.sum(u, 0), mask=p < pixels)


@triton.jit
def _place(channels, pixels, ROWS: tl.constexpr, COLS: tl.constexpr):
    """Return the sample, the channels and the pixels of this program."""
    program = tl.program_id(0).to(tl.int64)
    across, down = tl.cdiv(pixels, COLS), tl.cdiv(channels, ROWS)
    n, tile = program // (across * down), program % (across * down)
    return n, tile // across * ROWS + tl.arange(0, ROWS), tile % across * COLS + tl.arange(0, COLS)


@triton.jit
def _offsets(n, c, p, channels, pixels, CHANNELS_LAST: tl.constexpr):
    places = p[None, :] * channels + c[:, None] if CHANNELS_LAST else c[:, None] * pixels + p[None, :]
    return n * channels * pixels + places, (c < channels)[:, None] & (p < pixels)[None, :]


@triton.jit
def _argument(x, scale_ptr, noise_ptr, bias_ptr, n, c, p, channels, pixels, noise_stride):
    """Return what the leaky ReLU is of."""
    t = x
    if scale_ptr is not None:
        t *= tl.load(scale_ptr + n * channels + c, mask=c < channels, other=0.0).to(x.dtype)[:, None]
    if noise_ptr is not None:
        t += tl.load(noise_ptr + n * noise_stride + p, mask=p < pixels, other=0.0).to(x.dtype)[None, :]
    if bias_ptr is not None:
        t += tl.load(bias_ptr + c, mask=c < channels, other=0.0).to(x.dtype)[:, None]
    return t


def tile_of(x: Tensor) -> tuple[int, int]:
    """Return channels and pixels of a tile of dense x ``[N, C, H, W]``: as many as there are along what is innermost, up to 256."""
    channels, pixels = x.shape[1], x.shape[2] * x.shape[3]
    first, tile = x.is_contiguous(), TILE * 4 // max(x.element_size(), 4)
    inner = min(max(triton.next_power_of_2(pixels if first else channels), 16), 256)
    outer = min(max(triton.next_power_of_2(channels if first else pixels), 1), tile // inner)
    return (outer, inner) if first else (inner, outer)


def _constants(x: Tensor, curve: Curve) -> dict[str, Any]:
    rows, cols = tile_of(x)
    numbers = {"SLOPE": curve.negative_slope, "GAIN": curve.gain, "LIMIT": curve.clamp}
    return {**numbers, "CHANNELS_LAST": not x.is_contiguous(), "ROWS": rows, "COLS": cols}


def _tiles(x: Tensor) -> tuple[int, int]:
    rows, cols = tile_of(x)
    return triton.cdiv(x.shape[1], rows), triton.cdiv(x.shape[2] * x.shape[3], cols)


def plan_forward(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, y: Tensor, curve: Curve) -> Launch:
    """Plan y of dense ``x [N, C, H, W]``, of the same strides."""
    down, across = _tiles(x)
    numbers = x.shape[1], x.shape[2] * x.shape[3], 0 if noise is None else noise.stride(0)
    return Launch(scaled_bias_act_kernel, (len(x) * down * across,), (x, scale, noise, bias, y, *numbers), _constants(x, curve))


def plan_backward(
    dy: Tensor, x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, dx: Tensor, sums: Sums, curve: Curve
) -> Launch:
    """Plan dx and sums of dense ``x``; ``dy`` and ``dx`` have its strides."""
    down, across = _tiles(x)
    numbers = x.shape[1], x.shape[2] * x.shape[3], 0 if noise is None else noise.stride(0)
    arguments = (dy, x, scale, noise, bias, dx, *sums, *numbers)
    return Launch(scaled_bias_act_backward_kernel, (len(x) * down * across,), arguments, _constants(x, curve))


def empty_sums(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None) -> Sums:
    """Return room for the sums of what is there."""
    down, across = _tiles(x)
    accumulator = torch.promote_types(x.dtype, torch.float32)
    by_channel = None if bias is None else x.new_empty(*x.shape[:2], across, dtype=accumulator)
    by_x = None if scale is None else x.new_empty(*x.shape[:2], across, dtype=accumulator)
    by_pixel = None if noise is None else x.new_empty(len(x), down, x.shape[2] * x.shape[3], dtype=accumulator)
    return by_channel, by_x, by_pixel


def launch_forward(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any) -> Tensor:
    """Return y."""
    x = to_layout(x)
    y = torch.empty_like(x)
    if x.numel():
        plan_forward(x, _dense(scale), _rows(noise), _dense(bias), y, Curve(*curve)).run()
    return y


def launch_backward(
    dy: Tensor, x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return dx, and the gradients of scale, noise and bias, or nothing for what is not there."""
    x = to_layout(x)
    dx = torch.empty_like(x)
    by_channel, by_x, by_pixel = sums = empty_sums(x, scale, noise, bias)
    if x.numel():
        plan_backward(in_layout_of(x, dy), x, _dense(scale), _rows(noise), _dense(bias), dx, sums, Curve(*curve)).run()
    nothing = x.new_empty(0)
    return (
        dx,
        nothing if by_x is None else by_x.sum(dim=2).to(_of(scale)),
        nothing if by_pixel is None else by_pixel.sum(dim=1).view(len(x), 1, *x.shape[2:]).to(_of(noise)),
        nothing if by_channel is None else by_channel.sum(dim=(0, 2)).to(_of(bias)),
    )


def _of(tensor: Tensor | None) -> torch.dtype:
    assert tensor is not None
    return tensor.dtype


def _dense(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _rows(noise: Tensor | None) -> Tensor | None:
    """Return noise whose pixels lie side by side; that of a sample may be that of all."""
    if noise is None or (noise[:1].is_contiguous() and noise.stride(0) >= 0):
        return noise
    return noise.contiguous()

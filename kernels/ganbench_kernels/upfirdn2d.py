"""Resampling by a separable filter: insert zeros, pad or crop, correlate, leave samples out (Karras et al. 2019 and 2020, StyleGAN).

Linear in x. Its derivative is the same op with ``up`` and ``down`` exchanged, the filter flipped and other padding, so it can be
differentiated as often as wanted.

Shapes: N images, C channels, H, W a map, T taps.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench_kernels.bias_act_ops import is_channels_last
from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import LIBRARY, register

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_SQUARE_TAPS = 6
"""Up to here the reference is one convolution with T x T weights; beyond, one along each axis."""
Sides = tuple[int, int, int, int]
"""Left, right, top, bottom, as ``torch.nn.functional.pad`` has them."""


def upfirdn2d(
    x: Tensor,
    filter: Tensor,
    *,
    up: int = 1,
    down: int = 1,
    padding: int | Sides = 0,
    gain: float = 1.0,
    flip: bool = False,
    impl: Impl = "auto",
) -> Tensor:
    """Insert zeros, pad with zeros, correlate along both axes and keep every ``down``-th sample. Differentiable in x to any order.

    With z the map whose pixels lie ``up`` apart between zeros, ``y[i, j] = gain * sum over s, t of filter[s] * filter[t] *
    z[i * down + s - top, j * down + t - left]``, where z is 0 outside. The Triton kernel sums in float32 (float64 for float64).

    Args:
        x: ``[N, C, H, W]`` float32, bfloat16, float16 or float64, of any strides.
        filter: ``[T]`` float32 or float64, of one axis; a constant, which gets no gradient.
        up: 1 or more.
        down: 1 or more.
        padding: rows and columns of zeros around z, for all sides or (left, right, top, bottom); negative ones are cut off.
        gain: factor of the result; ``up ** 2`` keeps the scale of a filter whose sum is 1.
        flip: convolve instead: the filter is read from its end.
        impl: which implementation.

    Returns:
        ``[N, C, (up * H + top + bottom - T) // down + 1, (up * W + left + right - T) // down + 1]``, of x's dtype.

    Raises:
        ValueError: another dtype, shape or number than said above, a filter that requires grad, a filter that is larger than the padded
            map, or tensors on several devices.
    """
    sides = sides_of(padding)
    check(x.shape, x.dtype, filter, up, down, sides)
    if not takes_triton("upfirdn2d", impl, x, filter):
        return resampled(x, filter, up, down, sides, gain, flip)
    arguments = (x, filter, up, down, sides, gain, flip)
    # Compiled, the call is one op, which Dynamo does not look into: it would give wrong second derivatives of an autograd.Function.
    y: Tensor = _op(*arguments) if torch.compiler.is_compiling() else _UpFirDn.apply(*arguments)
    return y


def upfirdn2d_ref(
    x: Tensor,
    filter: Tensor,
    *,
    up: int = 1,
    down: int = 1,
    padding: int | Sides = 0,
    gain: float = 1.0,
    flip: bool = False,
    impl: Impl = "ref",
) -> Tensor:
    """Do the same with PyTorch's convolutions, whose weights are of x's dtype; see :func:`upfirdn2d`."""
    sides = sides_of(padding)
    check(x.shape, x.dtype, filter, up, down, sides)
    takes_triton("upfirdn2d", "ref", x, filter)
    return resampled(x, filter, up, down, sides, gain, flip)


def out_size(size: int, taps: int, up: int, down: int, before: int, after: int) -> int:
    """Return the length of an axis of the result."""
    return (up * size + before + after - taps) // down + 1


def adjoint_sides(x: Any, filter: Any, up: int, down: int, sides: Sides) -> Sides:
    """Return the padding with which the exchanged op leads from the result's shape back to x's."""
    height, width, taps = x[-2], x[-1], filter.shape[0]

    def of_axis(size: int, before: int, after: int) -> tuple[int, int]:
        out = out_size(size, taps, up, down, before, after)
        return taps - before - 1, up * size - down * out + before - up + 1

    return (*of_axis(width, *sides[:2]), *of_axis(height, *sides[2:]))


def sides_of(padding: int | Sides) -> Sides:
    """Return left, right, top and bottom.

    Raises:
        ValueError: another number of them.
    """
    if isinstance(padding, int):
        return (padding, padding, padding, padding)
    sides = tuple(padding)
    if len(sides) != 4:
        raise ValueError(f"upfirdn2d: padding must be one number or (left, right, top, bottom) (got {padding})")
    return sides


def check(shape: tuple[int, ...], dtype: torch.dtype, filter: Tensor, up: int, down: int, sides: Sides) -> None:
    """Raise a ValueError for what :func:`upfirdn2d` does not take."""
    if dtype not in _DTYPES:
        raise ValueError(f"upfirdn2d: x must be float32, bfloat16, float16 or float64 (got {dtype})")
    if len(shape) != 4:
        raise ValueError(f"upfirdn2d: x must be [N, C, H, W] (got shape {list(shape)})")
    if filter.ndim != 1 or not len(filter) or filter.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"upfirdn2d: filter must be [T] float32 or float64 (got {filter.dtype} {list(filter.shape)})")
    if filter.requires_grad:
        raise ValueError("upfirdn2d: filter is a constant and must not require grad")
    for name, value in (("up", up), ("down", down)):
        if value < 1:
            raise ValueError(f"upfirdn2d: {name} must be 1 or more (got {value})")
    for size, before, after in ((shape[3], *sides[:2]), (shape[2], *sides[2:])):
        if up * size + before + after < len(filter):
            raise ValueError(
                f"upfirdn2d: {len(filter)} taps need as many samples, and an axis of {size} has {up * size + before + after}"
                f" with up={up} and padding {before} and {after}"
            )


def resampled(x: Tensor, filter: Tensor, up: int, down: int, sides: Sides, gain: float, flip: bool) -> Tensor:
    """Return the result by PyTorch's convolutions."""
    line = filter.to(torch.promote_types(filter.dtype, x.dtype))
    line = line.flip(0) if flip else line
    mixed = torch.is_autocast_enabled(x.device.type)  # the result has x's dtype
    with torch.autocast(x.device.type, enabled=False) if mixed else contextlib.nullcontext():
        if len(line) <= _SQUARE_TAPS:
            return _correlate(x, gain * torch.outer(line, line), (up, up), (down, down), sides)
        across = _correlate(x, gain * line[None], (1, up), (1, down), (*sides[:2], 0, 0))
        return _correlate(across, line[:, None], (up, 1), (down, 1), (0, 0, *sides[2:]))


def _correlate(x: Tensor, kernel: Tensor, up: tuple[int, int], down: tuple[int, int], sides: Sides) -> Tensor:
    """Return the correlation with ``[S, T]`` weights; ``up`` and ``down`` are of the rows and of the columns."""
    left, right, top, bottom = sides
    channels = x.shape[1]
    if up == (1, 1):
        same = (max(min(top, bottom), 0), max(min(left, right), 0))  # what the convolution pads itself
        rest = (left - same[1], right - same[1], top - same[0], bottom - same[0])
        x = F.pad(x, rest) if any(rest) else x
        weight = kernel.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, weight, stride=down, padding=same, groups=channels)
    # A transposed convolution inserts the zeros, and its result is padded by one less than the taps.
    rows, columns = kernel.shape
    surplus = (columns - 1 - left, columns - up[1] - right, rows - 1 - top, rows - up[0] - bottom)
    same = (max(min(surplus[2:]), 0), max(min(surplus[:2]), 0))
    rest = (same[1] - surplus[0], same[1] - surplus[1], same[0] - surplus[2], same[0] - surplus[3])
    weight = kernel.flip(0, 1).to(x.dtype).expand(channels, 1, -1, -1)
    y = F.conv_transpose2d(x, weight, stride=up, padding=same, groups=channels)
    y = F.pad(y, rest) if any(rest) else y
    return y if down == (1, 1) else y[:, :, :: down[0], :: down[1]]


def empty_output(x: Tensor, filter: Tensor, up: int, down: int, sides: Sides) -> Tensor:
    """Return room for the result: channels last where x is and not also contiguous."""
    height = out_size(x.shape[2], filter.shape[0], up, down, *sides[2:])
    width = out_size(x.shape[3], filter.shape[0], up, down, *sides[:2])
    return empty_maps(x, height, width)


def empty_maps(x: Tensor, height: int, width: int) -> Tensor:
    """Return room for maps of another size in the layout of x."""
    y = x.new_empty(x.shape[0], x.shape[1], height, width)
    return y.contiguous(memory_format=torch.channels_last) if is_channels_last(x) and not x.is_contiguous() else y


def _plain(x: Tensor, filter: Tensor, up: int, down: int, sides: Sides, gain: float, flip: bool) -> Tensor:
    return empty_output(x, filter, up, down, sides).copy_(resampled(x, filter, up, down, sides, gain, flip))


_ARGUMENTS = "Tensor x, Tensor filter, int up, int down, SymInt[] padding, float gain, bool flip"

forward = register(
    f"upfirdn2d_forward({_ARGUMENTS}) -> Tensor",
    kernel="ganbench_kernels.jit.upfirdn2d:launch",
    reference=_plain,
    fake=lambda x, filter, up, down, sides, gain, flip: empty_output(x, filter, up, down, sides),
)


class _UpFirDn(torch.autograd.Function):
    """(x, filter) to y; the derivative is this function again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, filter: Tensor, up: int, down: int, sides: Sides, gain: float, flip: bool) -> Tensor:
        ctx.save_for_backward(filter)
        ctx.shape, ctx.numbers = x.shape, (up, down, sides, gain, flip)
        y: Tensor = forward(x, filter, up, down, sides, gain, flip)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        (filter,) = ctx.saved_tensors
        up, down, sides, gain, flip = ctx.numbers
        back = adjoint_sides(ctx.shape, filter, up, down, sides)
        dx = _UpFirDn.apply(dy, filter, down, up, back, gain, not flip)
        return dx, None, None, None, None, None, None


LIBRARY.define(f"upfirdn2d({_ARGUMENTS}) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
LIBRARY.impl("upfirdn2d", lambda *arguments: _UpFirDn.apply(*arguments), "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.upfirdn2d.default

"""The registered ops below :mod:`ganbench_kernels.filtered_lrelu`: without autograd, each with a kernel and a reference.

The slope of the activation at every place of the enlarged map, ``m``, is all that a derivative needs of the forward. It is recomputed from
x. Kept, it would be 2 bits for each place, so ``up ** 2`` / 4 bytes for each element of x that are written and read; x is read in 2 bytes
of bfloat16, and is not one more tensor in memory where the layer before it keeps it anyway.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganbench_kernels.bias_act_ops import Curve, activate, over_channels
from ganbench_kernels.library import register
from ganbench_kernels.upfirdn2d import Sides, adjoint_sides, empty_maps, out_size, resampled

LARGEST_WINDOW = 64
"""Places of the enlarged map, and of what it is made from, along each axis of a tile: what registers hold."""


class Numbers(NamedTuple):
    """The op's numbers; a tuple, because the dispatcher takes them one by one."""

    up: int
    down: int
    sides: Sides
    negative_slope: float
    gain: float
    clamp: float | None

    @property
    def curve(self) -> Curve:
        """Those of the activation."""
        return Curve(self.negative_slope, self.gain, self.clamp)


class Tile(NamedTuple):
    """How one program's part of the result is made, along each axis."""

    size: int
    """Results."""
    out: int
    """Results with what fills up the matrix."""
    wide: int
    """Places of the enlarged map."""
    source: int
    """Elements of what is enlarged."""
    mask: int
    """Elements of x that the slope is recomputed from."""


@lru_cache(maxsize=256)
def tile_for(up: int, up_taps: int, down: int, down_taps: int, mask_up: int, mask_taps: int) -> Tile | None:
    """Return the tile with the least arithmetic for each result, or None where none is small enough."""
    tiles = []
    for size in (4, 8, 16, 24, 32):
        wide = max((size - 1) * down + down_taps, size * down)
        source, mask = -(-(wide + up_taps - 1) // up), -(-(wide + mask_taps - 1) // mask_up)
        tile = Tile(size, *(max(1 << (n - 1).bit_length(), 16) for n in (size, wide, source, mask)))
        if max(tile) <= LARGEST_WINDOW:
            tiles.append(tile)
    return min(tiles, key=_cost, default=None)


def _cost(tile: Tile) -> float:
    return sum(side * tile.wide * (side + tile.wide) for side in (tile.source, tile.mask, tile.out)) / tile.size**2


def fits(up: int, up_taps: int, down: int, down_taps: int) -> bool:
    """Whether the forward and the backward have a tile."""
    return None not in (
        tile_for(up, up_taps, down, down_taps, up, up_taps),
        tile_for(down, down_taps, up, up_taps, up, up_taps),
    )


def wide_size(x: Tensor, up_filter: Tensor, numbers: Numbers) -> tuple[int, int]:
    """Return height and width of the enlarged map."""
    left, right, top, bottom = numbers.sides
    taps, up = up_filter.shape[0], numbers.up
    return out_size(x.shape[2], taps, up, 1, top, bottom), out_size(x.shape[3], taps, up, 1, left, right)


def empty_result(x: Tensor, up_filter: Tensor, down_filter: Tensor, numbers: Numbers) -> Tensor:
    """Return room for y: channels last where x is and not also contiguous."""
    height, width = (out_size(size, down_filter.shape[0], 1, numbers.down, 0, 0) for size in wide_size(x, up_filter, numbers))
    return empty_maps(x, height, width)


def _forward(x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *numbers: Any) -> Tensor:
    given = Numbers(*numbers)
    active = activate(_at_high_rate(x, bias, up_filter, given), given.curve, inplace=False)
    wide = resampled(active, down_filter, 1, given.down, (0, 0, 0, 0), 1.0, False)
    return empty_result(x, up_filter, down_filter, given).copy_(wide)


def _tangent(v: Tensor, h: Tensor | None, x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *numbers: Any) -> Tensor:
    given = Numbers(*numbers)
    active = _slope(x, bias, up_filter, given) * _at_high_rate(v, h, up_filter, given)
    wide = resampled(active, down_filter, 1, given.down, (0, 0, 0, 0), 1.0, False)
    return empty_result(x, up_filter, down_filter, given).copy_(wide)


def _backward(dy: Tensor, x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *numbers: Any) -> tuple[Tensor, Tensor]:
    *rest, dtype = numbers
    given = Numbers(*rest)
    slope = _slope(x, bias, up_filter, given)
    back = adjoint_sides(slope.shape, down_filter, 1, given.down, (0, 0, 0, 0))
    wide = slope * resampled(dy.to(slope.dtype), down_filter, given.down, 1, back, 1.0, True)
    back = adjoint_sides(x.shape, up_filter, given.up, 1, given.sides)
    dx = empty_maps(x, *x.shape[2:]).copy_(resampled(wide, up_filter, 1, given.up, back, float(given.up**2), True))
    db = x.new_empty(0) if dtype is None else wide.sum(dim=(0, 2, 3)).to(dtype)
    return dx, db


def _at_high_rate(x: Tensor, bias: Tensor | None, up_filter: Tensor, given: Numbers) -> Tensor:
    wide = resampled(x.to(torch.promote_types(x.dtype, torch.float32)), up_filter, given.up, 1, given.sides, float(given.up**2), False)
    return wide if bias is None else wide + over_channels(bias, x)


def _slope(x: Tensor, bias: Tensor | None, up_filter: Tensor, given: Numbers) -> Tensor:
    t = _at_high_rate(x, bias, up_filter, given)
    slope = torch.where(t > 0, given.gain, given.gain * given.negative_slope).to(t.dtype)
    if given.clamp is None:
        return slope
    size = given.gain * torch.where(t > 0, t, given.negative_slope * t).abs()
    return torch.where(size < given.clamp, slope, 0.0)


def _fake_backward(dy: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    dtype = rest[-1]
    return empty_maps(x, *x.shape[2:]), x.new_empty(0) if dtype is None else x.new_empty(x.shape[1], dtype=dtype)


def _fake_result(x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *numbers: Any) -> Tensor:
    return empty_result(x, up_filter, down_filter, Numbers(*numbers))


ARGUMENTS = "Tensor up_filter, Tensor down_filter, int up, int down, SymInt[] padding, float negative_slope, float gain, float? clamp"
_KERNEL = "ganbench_kernels.jit.filtered_lrelu"

forward = register(
    f"filtered_lrelu_forward(Tensor x, Tensor? bias, {ARGUMENTS}) -> Tensor",
    kernel=f"{_KERNEL}:launch_forward",
    reference=_forward,
    fake=_fake_result,
)
backward = register(
    f"filtered_lrelu_backward(Tensor dy, Tensor x, Tensor? bias, {ARGUMENTS}, ScalarType? dtype) -> (Tensor, Tensor)",
    kernel=f"{_KERNEL}:launch_backward",
    reference=_backward,
    fake=_fake_backward,
)
tangent = register(
    f"filtered_lrelu_tangent(Tensor v, Tensor? h, Tensor x, Tensor? bias, {ARGUMENTS}) -> Tensor",
    kernel=f"{_KERNEL}:launch_tangent",
    reference=_tangent,
    fake=lambda v, h, *rest: _fake_result(*rest),
)

"""How the kernels of :mod:`ganbench_kernels.jit.bias_act` are launched: tables, tiles, programs. Nothing is tuned at run time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from ganbench_kernels.bias_act_ops import Curve, in_layout_of, to_layout
from ganbench_kernels.jit.bias_act import bias_act_backward_kernel, bias_act_kernel
from ganbench_kernels.jit.launch import Launch

VECTOR_BYTES = 16  # what one thread loads at once
WARPS = 4
PROGRAMS = 4096  # a summing pass takes longer strips once it has so many: two waves or more on the largest GPUs
LONGEST_STRIP = 64


@dataclass(frozen=True)
class Table:
    """A dense tensor's memory as rows, and the tiles that cover it; the fields are the kernels' parameters."""

    planes: bool
    channels: int
    total: int
    width: int
    rows_per_tile: int
    cols_per_tile: int
    steps: int = 1
    """Tiles that one program adds up: along the row of a plane, else down the rows."""

    @property
    def num_rows(self) -> int:
        """Rows, of which the last may be incomplete."""
        return _ceil_divide(self.total, self.width)

    @cached_property
    def blocks(self) -> tuple[int, int]:
        """Programs down and across."""
        down, across = (1, self.steps) if self.planes else (self.steps, 1)
        return _ceil_divide(self.num_rows, self.rows_per_tile * down), _ceil_divide(self.width, self.cols_per_tile * across)

    @cached_property
    def constants(self) -> dict[str, bool | int]:
        """The kernels' parameters for the compiler."""
        return {
            "PLANES": self.planes,
            "WRAP": self.planes or self.width != self.channels,
            "EVEN": self.width % self.cols_per_tile == 0,
            "ROWS": self.rows_per_tile,
            "COLS": self.cols_per_tile,
        }

    @cached_property
    def parts(self) -> int:
        """Partial sums for each channel."""
        down, across = self.blocks
        return self.num_rows // self.channels * across if self.planes else self.width // self.channels * down

    def empty_partial(self, like: Tensor) -> Tensor:
        """Return where the sums of the strips go: ``[channels, parts]``, so that the sum of a channel reads neighbours."""
        return like.new_empty(self.channels, self.parts, dtype=torch.promote_types(like.dtype, torch.float32))


def table(y: Tensor, vectors: int, sums: bool = False) -> Table:
    """Lay out dense ``y``; a thread has so many vectors of it in flight."""
    return _table(y.shape[1], y.shape[2:].numel(), y.numel(), y.is_contiguous(), y.element_size(), vectors, sums)


@lru_cache(maxsize=1024)
def _table(channels: int, inner: int, total: int, contiguous: bool, element_size: int, vectors: int, sums: bool) -> Table:
    tile = WARPS * 32 * vectors * VECTOR_BYTES // element_size
    planes = inner > 1 and contiguous
    width = inner if planes else channels * (64 // math.gcd(channels, 64))
    cols = _cols_of_planes(width, tile) if planes else math.gcd(width, 256)
    rows = tile // cols
    steps = 1
    if sums:
        enough = _ceil_divide(_ceil_divide(total, width), rows) * _ceil_divide(width, cols) // PROGRAMS
        steps = _floor_power_of_two(min(enough, LONGEST_STRIP, width // cols if planes else LONGEST_STRIP))
    return Table(planes, channels, total, width, rows, cols, steps)


def plan_forward(x: Tensor, bias: Tensor | None, y: Tensor, curve: Curve) -> Launch:
    """Plan y of dense ``x`` of the same strides."""
    t = table(y, vectors=4)
    constants = {"SLOPE": curve.negative_slope, "GAIN": curve.gain, "LIMIT": curve.limit(y.dtype), **t.constants}
    down, across = t.blocks
    return Launch(bias_act_kernel, (down * across,), (x, bias, y, t.total, t.width, t.channels), constants, num_warps=WARPS)


def plan_backward(g: Tensor | None, h: Tensor | None, y: Tensor, out: Tensor, t: Table, partial: Tensor | None, curve: Curve) -> Launch:
    """Plan ``m(y) * (g + h)``; ``g`` and ``out`` have y's strides."""
    constants = {"SLOPE": curve.negative_slope, "GAIN": curve.gain, "LIMIT": curve.limit(y.dtype), **t.constants, "STEPS": t.steps}
    down, across = t.blocks
    arguments = (g, h, y, out, partial, t.total, t.width, t.channels, 0 if partial is None else t.parts)
    return Launch(bias_act_backward_kernel, (down * across,), arguments, constants, num_warps=WARPS)


def launch_forward(x: Tensor, bias: Tensor | None, negative_slope: float, gain: float, clamp: float | None) -> Tensor:
    """Return y."""
    x = to_layout(x)
    y = torch.empty_like(x)
    if x.numel() > 0:
        plan_forward(x, None if bias is None else bias.contiguous(), y, Curve(negative_slope, gain, clamp)).run()
    return y


def launch_backward(dy: Tensor, y: Tensor, negative_slope: float, gain: float, clamp: float | None) -> Tensor:
    """Return dx."""
    return _masked(dy, None, y, Curve(negative_slope, gain, clamp))


def launch_backward_sums(
    dy: Tensor, y: Tensor, negative_slope: float, gain: float, clamp: float | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return dx, and db in ``dtype``."""
    dx = torch.empty_like(y)
    if y.numel() == 0:
        return dx, torch.zeros(y.shape[1], dtype=dtype, device=y.device)
    t = table(y, vectors=1, sums=True)
    partial = t.empty_partial(y)
    plan_backward(in_layout_of(y, dy), None, y, dx, t, partial, Curve(negative_slope, gain, clamp)).run()
    return dx, partial.sum(dim=1).to(dtype)


def launch_double_backward(ddx: Tensor | None, ddb: Tensor, y: Tensor, negative_slope: float, gain: float, clamp: float | None) -> Tensor:
    """Return the cotangent of dy for those of dx and db."""
    return _masked(ddx, ddb.contiguous(), y, Curve(negative_slope, gain, clamp))


def _masked(g: Tensor | None, h: Tensor | None, y: Tensor, curve: Curve) -> Tensor:
    out = torch.empty_like(y)
    if y.numel() > 0:
        g = None if g is None else in_layout_of(y, g)
        plan_backward(g, h, y, out, table(y, vectors=2), None, curve).run()
    return out


def _cols_of_planes(width: int, tile: int) -> int:
    """Return the widest tile of which at most a fifth lies beside the plane."""
    cols = min(1 << (width - 1).bit_length(), tile)
    while cols > 64 and _ceil_divide(width, cols) * cols > 1.25 * width:
        cols //= 2
    return cols


def _ceil_divide(a: int, b: int) -> int:
    return -(-a // b)


def _floor_power_of_two(count: int) -> int:
    return 1 << max(count.bit_length() - 1, 0)

"""How much the samples of a group differ, as further channels (Karras et al. 2018, section 3; StyleGAN2 in its groups).

Shapes: N images, C channels, H, W a map, G samples of a group, M groups, F channels that are added.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench_kernels.bias_act_ops import is_channels_last
from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import LIBRARY, register

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
EPS = 1e-8
LARGEST_GROUP = 128
"""Samples that a program holds some elements of."""


def minibatch_stddev(x: Tensor, *, group_size: int, num_channels: int = 1, impl: Impl = "auto") -> Tensor:
    """Append the mean standard deviation of each sample's group. Differentiable to any order.

    Sample n belongs to the group of all samples with the same n modulo M. The deviations over the group's samples (biased, with 1e-8 under
    the root, in float32 or float64) are averaged over pixels and over each of F parts of the channels. On Triton x is read once and y
    written once; the derivative is one pass, and the derivative of that is made of PyTorch's operations, as are groups above 128.

    Args:
        x: ``[N, C, H, W]`` float32, bfloat16, float16 or float64.
        group_size: most samples of a group, 1 or more; G is the largest number up to it that divides N.
        num_channels: F, a divisor of C.
        impl: which implementation.

    Returns:
        ``[N, C + F, H, W]`` of x's dtype.

    Raises:
        ValueError: another dtype, shape or number than said above.
    """
    _check(x, group_size, num_channels)
    if group_size > LARGEST_GROUP or not takes_triton("minibatch_stddev", impl, x):
        return _append(x, group_size, num_channels)
    # Compiled, the call is one op, which Dynamo does not look into: it would give wrong second derivatives of an autograd.Function.
    y: Tensor = (_op if torch.compiler.is_compiling() else _MinibatchStddev.apply)(x, group_size, num_channels)
    return y


def minibatch_stddev_ref(x: Tensor, *, group_size: int, num_channels: int = 1, impl: Impl = "ref") -> Tensor:
    """Do the same, group by group; see :func:`minibatch_stddev`."""
    _check(x, group_size, num_channels)
    takes_triton("minibatch_stddev", "ref", x)
    count, size = len(x), group_of(len(x), group_size)
    wide, planes = x.to(torch.promote_types(x.dtype, torch.float32)), []
    for n in range(count):
        group = wide[n % (count // size) :: count // size]  # [G, C, H, W]
        deviation = ((group - group.mean(dim=0)).square().mean(dim=0) + EPS).sqrt()
        planes.append(torch.stack([part.mean() for part in deviation.chunk(num_channels)]))
    of_sample = torch.stack(planes).to(x.dtype) if planes else x.new_empty(0, num_channels)
    return torch.cat([x, of_sample[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


def group_of(count: int, group_size: int) -> int:
    """Return G: the largest number up to ``group_size`` that divides ``count``."""
    return next((size for size in range(min(group_size, count), 0, -1) if count % size == 0), 1)


def _check(x: Tensor, group_size: int, num_channels: int) -> None:
    if x.dtype not in _DTYPES:
        raise ValueError(f"minibatch_stddev: x must be float32, bfloat16, float16 or float64 (got {x.dtype})")
    if x.ndim != 4:
        raise ValueError(f"minibatch_stddev: x must be [N, C, H, W] (got shape {list(x.shape)})")
    if group_size < 1:
        raise ValueError(f"minibatch_stddev: group_size must be 1 or more (got {group_size})")
    if num_channels < 1 or x.shape[1] % num_channels:
        raise ValueError(f"minibatch_stddev: num_channels must divide the {x.shape[1]} channels of x (got {num_channels})")


def _append(x: Tensor, group_size: int, num_channels: int) -> Tensor:
    count, channels, height, width = x.shape
    if not count:
        return torch.cat([x, x[:, :num_channels]], dim=1)
    size = group_of(count, group_size)
    grouped = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(size, count // size, channels, height, width)  # [G, M, C, H, W]
    deviations = (grouped.var(dim=0, correction=0) + EPS).sqrt()  # [M, C, H, W]
    parts = deviations.reshape(count // size, num_channels, channels // num_channels, height, width)  # [M, F, C / F, H, W]
    of_group = parts.mean(dim=(2, 3, 4)).to(x.dtype)  # [M, F]
    planes = of_group.repeat(size, 1)[:, :, None, None].expand(count, num_channels, height, width)
    return torch.cat([x, planes], dim=1)


def empty_result(x: Tensor, num_channels: int) -> Tensor:
    """Return room for the result: channels last where x is and not also contiguous."""
    y = x.new_empty(x.shape[0], x.shape[1] + num_channels, *x.shape[2:])
    return y.contiguous(memory_format=torch.channels_last) if is_channels_last(x) and not x.is_contiguous() else y


def _plain(x: Tensor, group_size: int, num_channels: int) -> Tensor:
    return empty_result(x, num_channels).copy_(_append(x, group_size, num_channels))


class _Groups:
    """What the derivatives need of x ``[N, C, H, W]``, N above 0, in PyTorch's operations, which can be differentiated in their turn."""

    def __init__(self, x: Tensor, group_size: int, num_channels: int) -> None:
        count, channels, height, width = x.shape
        size = group_of(count, group_size)
        self.shape = size, count // size, num_channels, channels // num_channels, height, width  # G, M, F, C / F, H, W
        self.wide = torch.promote_types(x.dtype, torch.float32)
        self.numel = channels // num_channels * height * width
        grouped = self.split(x)
        self.away = grouped - grouped.mean(dim=0)
        self.deviation = (self.away.square().mean(dim=0) + EPS).sqrt()  # [M, F, C / F, H, W]

    def split(self, x: Tensor) -> Tensor:
        """Return ``[G, M, F, C / F, H, W]``."""
        return x.to(self.wide).reshape(self.shape)

    def by_part(self, planes: Tensor) -> Tensor:
        """Return what the derivative of a deviation is multiplied with, ``[M, F, 1, 1, 1]``, of dy's last channels."""
        size, groups, parts, _, height, width = self.shape
        sums = planes.to(self.wide).reshape(size, groups, parts, height, width).sum(dim=(0, 3, 4))
        return sums[:, :, None, None, None] / (size * self.numel)


def _slope(dy: Tensor, x: Tensor, group_size: int, num_channels: int) -> Tensor:
    """Return dx."""
    channels = x.shape[1]
    if not len(x):
        return dy[:, :channels]
    groups = _Groups(x, group_size, num_channels)
    slope = groups.by_part(dy[:, channels:]) * groups.away / groups.deviation
    return (dy[:, :channels] + slope.reshape(x.shape)).to(x.dtype)


def _second(ddx: Tensor, dy: Tensor, x: Tensor, group_size: int, num_channels: int) -> tuple[Tensor, Tensor]:
    """Return the cotangents of dy and x for that of dx."""
    channels = x.shape[1]
    if not len(x):
        return torch.zeros_like(dy), torch.zeros_like(x)
    groups = _Groups(x, group_size, num_channels)
    v = groups.split(ddx)
    together = (v * groups.away).mean(dim=0)  # [M, F, C / F, H, W]
    of_part = (together / groups.deviation).sum(dim=(2, 3, 4)) / groups.numel  # [M, F]
    planes = of_part.repeat(groups.shape[0], 1).to(dy.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
    turned = (v - v.mean(dim=0)) / groups.deviation - groups.away * together / groups.deviation**3
    return torch.cat([ddx, planes], dim=1), (groups.by_part(dy[:, channels:]) * turned).reshape(x.shape).to(x.dtype)


def _plain_backward(dy: Tensor, x: Tensor, group_size: int, num_channels: int) -> Tensor:
    return _empty_like(x).copy_(_slope(dy, x, group_size, num_channels))


def _empty_like(x: Tensor) -> Tensor:
    """Return room for dx, in the layout of the result."""
    return empty_result(x, 0)


forward = register(
    "minibatch_stddev_forward(Tensor x, int group_size, int num_channels) -> Tensor",
    kernel="ganbench_kernels.jit.minibatch_stddev:launch_forward",
    reference=_plain,
    fake=lambda x, group_size, num_channels: empty_result(x, num_channels),
)
backward = register(
    "minibatch_stddev_backward(Tensor dy, Tensor x, int group_size, int num_channels) -> Tensor",
    kernel="ganbench_kernels.jit.minibatch_stddev:launch_backward",
    reference=_plain_backward,
    fake=lambda dy, x, *_: _empty_like(x),
)


class _MinibatchStddev(torch.autograd.Function):
    """x to y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group_size: int, num_channels: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.numbers = group_size, num_channels
        y: Tensor = forward(x, group_size, num_channels)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        return _Backward.apply(dy, *ctx.saved_tensors, *ctx.numbers), None, None


class _Backward(torch.autograd.Function):
    """(dy, x) to dx; its own derivative is that of the same formula in PyTorch's operations."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, x: Tensor, group_size: int, num_channels: int) -> Tensor:
        ctx.save_for_backward(dy, x)
        ctx.numbers = group_size, num_channels
        dx: Tensor = backward(dy, x, group_size, num_channels)
        return dx

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> Any:
        ddy, dx = _second(ddx, *ctx.saved_tensors, *ctx.numbers)
        return ddy, dx, None, None


LIBRARY.define("minibatch_stddev(Tensor x, int group_size, int num_channels) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
LIBRARY.impl("minibatch_stddev", lambda *arguments: _MinibatchStddev.apply(*arguments), "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.minibatch_stddev.default

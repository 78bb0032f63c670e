"""The registered ops below :mod:`ganbench_kernels.bias_act`: without autograd, each with a kernel and a reference.

``m(y) = gain * (1 if y > 0 else negative_slope)`` where ``|y|`` is below the clamp, and 0 elsewhere, is all that a derivative needs of the
forward. Results have the layout of x or y: channels first or channels last, whichever it is nearer to, without gaps.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench_kernels.library import register


class Curve(NamedTuple):
    """The activation's numbers; a tuple, because the dispatcher takes them one by one."""

    negative_slope: float
    gain: float
    clamp: float | None

    def check(self) -> None:
        """Raise a ValueError where y would not tell the slope."""
        if not (math.isfinite(self.negative_slope) and self.negative_slope >= 0):
            raise ValueError(f"bias_act: negative_slope must be finite and 0 or more (got {self.negative_slope})")
        if not (math.isfinite(self.gain) and self.gain > 0):
            raise ValueError(f"bias_act: gain must be finite and above 0 (got {self.gain})")
        if self.clamp is not None and not (math.isfinite(self.clamp) and self.clamp > 0):
            raise ValueError(f"bias_act: clamp must be finite and above 0, or None (got {self.clamp})")

    def limit(self, dtype: torch.dtype) -> float | None:
        """Return the clamp in ``dtype``: 0.7 is 0.69921875 in bfloat16, and such a y must not count as below the clamp."""
        return None if self.clamp is None else _rounded(self.clamp, dtype)


@functools.cache
def _rounded(value: float, dtype: torch.dtype) -> float:
    return torch.tensor(value, dtype=dtype, device="cpu").item()


def is_channels_last(x: Tensor) -> bool:
    """Whether dimension 1 is innermost in memory and nothing is left out."""
    if x.ndim == 4:
        return x.is_contiguous(memory_format=torch.channels_last)
    return x.movedim(1, -1).is_contiguous()


def to_layout(x: Tensor) -> Tensor:
    """Return x, or a copy of it without gaps where it is neither channels first nor channels last."""
    if x.is_contiguous() or is_channels_last(x):
        return x
    if x.stride(1) == 1:
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    return x.contiguous()


def in_layout_of(y: Tensor, g: Tensor) -> Tensor:
    """Return g, or a copy of it with the strides of y."""
    same = g.is_contiguous() if y.is_contiguous() else is_channels_last(g)
    return g if same else torch.empty_like(y, dtype=g.dtype).copy_(g)


def over_channels(vector: Tensor, like: Tensor) -> Tensor:
    """Return ``[C]`` as ``[1, C, 1, ...]``."""
    return vector.view(1, -1, *[1] * (like.ndim - 2))


def activate(t: Tensor, curve: Curve, inplace: bool) -> Tensor:
    """Return the activation of t, which is overwritten if that is allowed."""
    y = F.relu(t, inplace) if curve.negative_slope == 0 else F.leaky_relu(t, curve.negative_slope, inplace)
    y = y if curve.gain == 1 else y * curve.gain  # not in place: autograd keeps what is multiplied
    return y if curve.clamp is None else y.clamp(-curve.clamp, curve.clamp)


def _forward(x: Tensor, bias: Tensor | None, negative_slope: float, gain: float, clamp: float | None) -> Tensor:
    x = to_layout(x)
    t = x.to(_wide(x))
    if bias is not None:
        t = t + over_channels(bias, x)
    return torch.empty_like(x).copy_(activate(t, Curve(negative_slope, gain, clamp), inplace=False))


def _backward(dy: Tensor, y: Tensor, negative_slope: float, gain: float, clamp: float | None) -> Tensor:
    return torch.empty_like(y).copy_(_masked(dy.to(_wide(y)), y, Curve(negative_slope, gain, clamp)))


def _backward_sums(
    dy: Tensor, y: Tensor, negative_slope: float, gain: float, clamp: float | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    dx = _masked(dy.to(_wide(y)), y, Curve(negative_slope, gain, clamp))
    db = dx.sum(dim=[0, *range(2, y.ndim)]).to(dtype)
    return torch.empty_like(y).copy_(dx), db


def _double_backward(ddx: Tensor | None, ddb: Tensor, y: Tensor, negative_slope: float, gain: float, clamp: float | None) -> Tensor:
    wide = over_channels(ddb.to(_wide(y)), y).expand_as(y)
    if ddx is not None:
        wide = wide + ddx
    return torch.empty_like(y).copy_(_masked(wide, y, Curve(negative_slope, gain, clamp)))


def _masked(g: Tensor, y: Tensor, curve: Curve) -> Tensor:
    """Return m(y) * g."""
    out = torch.where(y > 0, g * curve.gain, g * (curve.gain * curve.negative_slope))
    limit = curve.limit(y.dtype)
    return out if limit is None else torch.where(y.abs() < limit, out, 0.0)


def _wide(x: Tensor) -> torch.dtype:
    """Return the dtype of the arithmetic."""
    return torch.promote_types(x.dtype, torch.float32)


CURVE = "float negative_slope, float gain, float? clamp"
_KERNELS = "ganbench_kernels.jit.bias_act_plan"

forward = register(
    f"bias_act_forward(Tensor x, Tensor? bias, {CURVE}) -> Tensor",
    kernel=f"{_KERNELS}:launch_forward",
    reference=_forward,
    fake=lambda x, *_: torch.empty_like(to_layout(x)),
)
backward = register(
    f"bias_act_backward(Tensor dy, Tensor y, {CURVE}) -> Tensor",
    kernel=f"{_KERNELS}:launch_backward",
    reference=_backward,
    fake=lambda dy, y, *_: torch.empty_like(y),
)
backward_sums = register(
    f"bias_act_backward_sums(Tensor dy, Tensor y, {CURVE}, ScalarType dtype) -> (Tensor, Tensor)",
    kernel=f"{_KERNELS}:launch_backward_sums",
    reference=_backward_sums,
    fake=lambda dy, y, _slope, _gain, _clamp, dtype: (torch.empty_like(y), y.new_empty(y.shape[1], dtype=dtype)),
)
double_backward = register(
    f"bias_act_double_backward(Tensor? ddx, Tensor ddb, Tensor y, {CURVE}) -> Tensor",
    kernel=f"{_KERNELS}:launch_double_backward",
    reference=_double_backward,
    fake=lambda ddx, ddb, y, *_: torch.empty_like(y),
)

"""An activation at a higher rate than the map's, between two filters (Karras et al. 2021, StyleGAN3, section 3.2).

A nonlinearity makes frequencies that the map's pixels cannot hold. At a higher rate they have a place, and the second filter takes them
away before the rate falls again.

Shapes: N images, C channels, H, W a map, T taps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench_kernels import filtered_lrelu_ops as ops
from ganbench_kernels.bias_act import bias_act, bias_act_ref
from ganbench_kernels.bias_act import check as check_activation
from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.filtered_lrelu_ops import Numbers
from ganbench_kernels.library import LIBRARY
from ganbench_kernels.upfirdn2d import Sides, sides_of, upfirdn2d, upfirdn2d_ref
from ganbench_kernels.upfirdn2d import check as check_resampling


def filtered_lrelu(
    x: Tensor,
    bias: Tensor | None,
    up_filter: Tensor,
    down_filter: Tensor,
    *,
    up: int = 2,
    down: int = 2,
    padding: int | Sides = 0,
    negative_slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Enlarge, add a bias for each channel, apply leaky ReLU, scale and clamp, and reduce. Differentiable to any order.

    The first filter has the gain ``up ** 2``, so that one whose sum is 1 keeps the map's scale. On Triton it is one pass, whose products
    are of float32 (float64 for float64) or, for 16-bit types, of 11 bits, summed in float32; the slope of the derivative is recomputed from
    x. Filters that are too long for a program's tile (:func:`~ganbench_kernels.filtered_lrelu_ops.fits`: about 20 taps behind a rate of 2
    and more above it), and whatever is not on Triton, take the three parts one after another, each as ``impl`` says. An infinity or NaN
    of x reaches further in one pass: all results of a tile.

    Args:
        x: ``[N, C, H, W]`` float32, bfloat16, float16 or float64.
        bias: ``[C]`` of x's dtype or float32, added at the higher rate; None is no bias.
        up_filter: ``[T]`` float32 or float64, of one axis.
        down_filter: likewise.
        up, down: how often the rate is multiplied and divided.
        padding: zeros around the enlarged map, for all sides or (left, right, top, bottom); both filters take of them.
        negative_slope, gain, clamp: as of :func:`ganbench_kernels.bias_act`.
        impl: which implementation.

    Returns:
        ``[N, C, h, w]`` of x's dtype; of an axis of H with T1 and T2 taps and padding on both sides,
        ``(up * H + before + after - T1 + 1 - T2) // down + 1``.

    Raises:
        ValueError: as :func:`ganbench_kernels.upfirdn2d` and :func:`ganbench_kernels.bias_act`.
    """
    numbers = Numbers(up, down, sides_of(padding), negative_slope, gain, clamp)
    if not takes_triton("filtered_lrelu", impl, x, bias, up_filter, down_filter):
        return _composed(x, bias, up_filter, down_filter, numbers, impl)
    _check(x, bias, up_filter, down_filter, numbers)
    if not ops.fits(up, len(up_filter), down, len(down_filter)):
        return _composed(x, bias, up_filter, down_filter, numbers, impl)
    # Compiled, the call is one op, which Dynamo does not look into: it would give wrong second derivatives of an autograd.Function.
    function = _op if torch.compiler.is_compiling() else _FilteredLRelu.apply
    y: Tensor = function(x, bias, up_filter, down_filter, *numbers)
    return y


def filtered_lrelu_ref(
    x: Tensor,
    bias: Tensor | None,
    up_filter: Tensor,
    down_filter: Tensor,
    *,
    up: int = 2,
    down: int = 2,
    padding: int | Sides = 0,
    negative_slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "ref",
) -> Tensor:
    """Do the same in plain PyTorch; see :func:`filtered_lrelu`."""
    wide = upfirdn2d_ref(x, up_filter, up=up, padding=padding, gain=float(up**2))
    return upfirdn2d_ref(bias_act_ref(wide, bias, negative_slope=negative_slope, gain=gain, clamp=clamp), down_filter, down=down)


def _composed(x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, numbers: Numbers, impl: Impl) -> Tensor:
    wide = upfirdn2d(x, up_filter, up=numbers.up, padding=numbers.sides, gain=float(numbers.up**2), impl=impl)
    active = bias_act(wide, bias, **numbers.curve._asdict(), impl=impl)
    return upfirdn2d(active, down_filter, down=numbers.down, impl=impl)


def _check(x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, numbers: Numbers) -> None:
    """Ask what the three parts would ask, before the first of them runs."""
    check_resampling(x.shape, x.dtype, up_filter, numbers.up, 1, numbers.sides)
    check_activation(x, bias, numbers.curve)
    check_resampling((*x.shape[:2], *ops.wide_size(x, up_filter, numbers)), x.dtype, down_filter, 1, numbers.down, (0, 0, 0, 0))


class _FilteredLRelu(torch.autograd.Function):
    """(x, bias) to y; filters are constants."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *numbers: Any) -> Tensor:
        ctx.save_for_backward(x, bias, up_filter, down_filter)
        ctx.numbers = numbers
        y: Tensor = ops.forward(x, bias, up_filter, down_filter, *numbers)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, bias, *filters = ctx.saved_tensors
        # Detached, because the slope does not change with them: else the next derivative would walk through the forward with zeros.
        constants = (x.detach(), None if bias is None else bias.detach(), *filters)
        dx, db = _Backward.apply(dy, *constants, bias.dtype if ctx.needs_input_grad[1] else None, *ctx.numbers)
        return dx, db if ctx.needs_input_grad[1] else None, *(None,) * (2 + len(ctx.numbers))


class _Backward(torch.autograd.Function):
    """dy to (dx, db), linear; db is empty for no dtype of it."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, x: Tensor, bias: Tensor | None, up: Tensor, down: Tensor, dtype: Any, *numbers: Any) -> Any:
        ctx.save_for_backward(x, bias, up, down)
        ctx.set_materialize_grads(False)
        ctx.numbers, ctx.with_sums = numbers, dtype is not None
        return ops.backward(dy, x, bias, up, down, *numbers, dtype)

    @staticmethod
    def backward(ctx: Any, ddx: Tensor | None, ddb: Tensor | None) -> Any:
        x, bias, up, down = ctx.saved_tensors
        h = ddb if ctx.with_sums else None
        ddy = None
        if ddx is not None or h is not None:
            ddy = _Tangent.apply(torch.zeros_like(x) if ddx is None else ddx, h, x, bias, up, down, *ctx.numbers)
        return ddy, *(None,) * (5 + len(ctx.numbers))


class _Tangent(torch.autograd.Function):
    """(v, h), by which x and the bias move, to what y moves by; linear, and its derivative is the backward again."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, h: Tensor | None, x: Tensor, bias: Tensor | None, up: Tensor, down: Tensor, *numbers: Any) -> Any:
        ctx.save_for_backward(x, bias, up, down)
        ctx.numbers, ctx.dtype = numbers, None if h is None else h.dtype
        return ops.tangent(v, h, x, bias, up, down, *numbers)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        x, bias, up, down = ctx.saved_tensors
        wants_h = ctx.needs_input_grad[1]
        dv, dh = _Backward.apply(g, x, bias, up, down, ctx.dtype if wants_h else None, *ctx.numbers)
        return dv, dh if wants_h else None, *(None,) * (4 + len(ctx.numbers))


def _registered(x: Tensor, bias: Tensor | None, up_filter: Tensor, down_filter: Tensor, *numbers: Any) -> Tensor:
    y: Tensor = _FilteredLRelu.apply(x, bias, up_filter, down_filter, *numbers)
    return y


LIBRARY.define(f"filtered_lrelu(Tensor x, Tensor? bias, {ops.ARGUMENTS}) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
LIBRARY.impl("filtered_lrelu", _registered, "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.filtered_lrelu.default

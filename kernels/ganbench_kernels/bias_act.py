"""Bias, leaky ReLU, gain and clamp in one op: ``clamp(gain * leaky_relu(x + bias))``.

One pass forward and one backward; only y is kept for the backward, whose slope it shows. The derivative of the derivative is the backward
pass again, so the op can be differentiated as often as wanted (R1 and WGAN-GP need twice).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ganbench_kernels import bias_act_ops as ops
from ganbench_kernels.bias_act_ops import Curve
from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import LIBRARY

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_param_grads = True  # process-wide: the backward of CUDA tensors runs in threads of autograd's own


@contextmanager
def no_param_grads() -> Iterator[None]:
    """Leave the gradients of biases out of backward passes that run inside, for the first derivative of a gradient penalty.

    ``torch.autograd.grad(logits, images, create_graph=True)`` computes them too, although nobody asked. Inside, the biases of ops on Triton
    get no gradient in eager mode; the reference and compiled graphs are not affected.
    """
    global _param_grads
    before, _param_grads = _param_grads, False
    try:
        yield
    finally:
        _param_grads = before


def bias_act(
    x: Tensor,
    bias: Tensor | None = None,
    *,
    negative_slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Add a bias for each channel, apply leaky ReLU, scale and clamp. Differentiable to any order.

    Arithmetic is in float32 (float64 for float64). The slope at 0 is ``negative_slope``, and where y is clamped it is 0.

    Args:
        x: ``[N, C, ...]``, two dimensions or more, float32, bfloat16, float16 or float64, of any strides.
        bias: ``[C]``, of x's dtype or float32; None is no bias.
        negative_slope: factor of negative values, 0 (ReLU) or more.
        gain: factor after the leaky ReLU, above 0.
        clamp: results are kept in [-clamp, clamp], above 0; None is no limit.
        impl: which implementation.

    Returns:
        Like x; channels last where x is, else contiguous.

    Raises:
        ValueError: another dtype, shape or number than said above, or tensors on several devices.
    """
    curve = Curve(negative_slope, gain, clamp)
    check(x, bias, curve)
    if not takes_triton("bias_act", impl, x, bias):
        return _reference(x, bias, curve)
    # Compiled, the call is one op, which Dynamo does not look into: it would give wrong second derivatives of an autograd.Function.
    y: Tensor = _op(x, bias, *curve) if torch.compiler.is_compiling() else _BiasAct.apply(x, bias, *curve)
    return y


def bias_act_ref(
    x: Tensor,
    bias: Tensor | None = None,
    *,
    negative_slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "ref",
) -> Tensor:
    """Do the same in plain PyTorch; see :func:`bias_act`."""
    curve = Curve(negative_slope, gain, clamp)
    check(x, bias, curve)
    takes_triton("bias_act", "ref", x, bias)
    return _reference(x, bias, curve)


def _reference(x: Tensor, bias: Tensor | None, curve: Curve) -> Tensor:
    plain = curve.gain == 1 and curve.clamp is None
    t = x if plain else x.to(torch.promote_types(x.dtype, torch.float32))
    t = t if bias is None else t + ops.over_channels(bias, x)
    return ops.activate(t, curve, inplace=t is not x).to(x.dtype)


def check(x: Tensor, bias: Tensor | None, curve: Curve) -> None:
    """Raise a ValueError for what :func:`bias_act` does not take."""
    curve.check()
    if x.dtype not in _DTYPES:
        raise ValueError(f"bias_act: x must be float32, bfloat16, float16 or float64 (got {x.dtype})")
    if x.ndim < 2:
        raise ValueError(f"bias_act: x must be [N, C, ...] (got shape {list(x.shape)})")
    if bias is None:
        return
    if bias.shape != x.shape[1:2]:
        raise ValueError(f"bias_act: bias must be [{x.shape[1]}], the channels of x (got shape {list(bias.shape)})")
    if bias.dtype not in (x.dtype, torch.float32):
        raise ValueError(f"bias_act: bias must be {x.dtype}, like x, or torch.float32 (got {bias.dtype})")


class _BiasAct(torch.autograd.Function):
    """(x, bias) to y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, *curve: Any) -> Tensor:
        y: Tensor = ops.forward(x, bias, *curve)
        ctx.save_for_backward(y)
        ctx.set_materialize_grads(False)
        ctx.curve, ctx.dtype = curve, None if bias is None else bias.dtype
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None) -> Any:
        (y,) = ctx.saved_tensors
        # The tracing of a compiled graph sees other types of tensors; what it leaves out would be missing long after the context has ended.
        wants_db = ctx.needs_input_grad[1] and (_param_grads or type(y) is not Tensor)
        return *_backward(dy, y, ctx.dtype if wants_db else None, ctx.curve), None, None, None


class _Backward(torch.autograd.Function):
    """(dy, y) to (dx, db), or to dx for no dtype of db; y is a constant: the slope does not change with it."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, y: Tensor, dtype: torch.dtype | None, *curve: Any) -> Any:
        ctx.save_for_backward(y)
        ctx.set_materialize_grads(False)
        ctx.curve = curve
        return ops.backward(dy, y, *curve) if dtype is None else ops.backward_sums(dy, y, *curve, dtype)

    @staticmethod
    def backward(ctx: Any, ddx: Tensor | None, ddb: Tensor | None = None) -> Any:
        (y,) = ctx.saved_tensors
        if ddb is None:
            ddy, _ = _backward(ddx, y, None, ctx.curve)
        else:
            ddy = _DoubleBackward.apply(ddx, ddb, y, *ctx.curve)
        return ddy, None, None, None, None, None


class _DoubleBackward(torch.autograd.Function):
    """(ddx, ddb) to ddy; its own derivative is the backward again."""

    @staticmethod
    def forward(ctx: Any, ddx: Tensor | None, ddb: Tensor, y: Tensor, *curve: Any) -> Any:
        ctx.save_for_backward(y)
        ctx.set_materialize_grads(False)
        ctx.curve, ctx.dtype = curve, ddb.dtype
        return ops.double_backward(ddx, ddb, y, *curve)

    @staticmethod
    def backward(ctx: Any, g: Tensor | None) -> Any:
        (y,) = ctx.saved_tensors
        wants_ddx, wants_ddb = ctx.needs_input_grad[:2]
        ddx, ddb = _backward(g, y, ctx.dtype if wants_ddb else None, ctx.curve)
        return ddx if wants_ddx else None, ddb, None, None, None, None


def _backward(dy: Tensor | None, y: Tensor, dtype: torch.dtype | None, curve: tuple[Any, ...]) -> tuple[Tensor | None, Tensor | None]:
    """Return dx, and db in ``dtype`` unless that is None."""
    if dy is None:
        return None, None
    y = y.detach()  # else the next derivative would walk through the whole forward with zeros
    if dtype is None:
        return _Backward.apply(dy, y, None, *curve), None
    dx, db = _Backward.apply(dy, y, dtype, *curve)
    return dx, db


LIBRARY.define(f"bias_act(Tensor x, Tensor? bias, {ops.CURVE}) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
LIBRARY.impl("bias_act", lambda *arguments: _BiasAct.apply(*arguments), "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.bias_act.default

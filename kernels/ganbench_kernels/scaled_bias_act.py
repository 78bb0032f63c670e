"""What stands behind a modulated convolution, in one pass: ``clamp(gain * leaky_relu(x * scale + noise + bias))``.

The scale is one number for each sample and channel (demodulation), the noise one for each sample and pixel, the bias one for each channel
(Karras et al. 2020, section 2.2 and appendix B).

Shapes: N images, C channels, H, W a map.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench_kernels.bias_act_ops import Curve, activate, over_channels, to_layout
from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import LIBRARY, register

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def scaled_bias_act(
    x: Tensor,
    scale: Tensor | None = None,
    noise: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    negative_slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Scale each sample's channels, add noise and a bias, apply leaky ReLU, scale and clamp. Differentiable to any order.

    Arithmetic is in float32 (float64 for float64). On Triton the forward is one pass and the backward, with all sums, another, which
    recomputes the slope from x; the derivative of the derivative is made of PyTorch's operations. Elsewhere, products are rounded to x's
    type as PyTorch rounds them.

    Args:
        x: ``[N, C, H, W]`` float32, bfloat16, float16 or float64, of any strides.
        scale: ``[N, C]``, of x's dtype or float32; None is 1.
        noise: ``[N, 1, H, W]`` or ``[1, 1, H, W]``, likewise; None is 0.
        bias: ``[C]``, likewise; None is 0.
        negative_slope, gain, clamp: as of :func:`ganbench_kernels.bias_act`; a slope of 1 is no activation.
        impl: which implementation.

    Returns:
        Like x; channels last where x is, else contiguous.

    Raises:
        ValueError: another dtype, shape or number than said above, or tensors on several devices.
    """
    curve = Curve(negative_slope, gain, clamp)
    check(x, scale, noise, bias, curve)
    if not takes_triton("scaled_bias_act", impl, x, scale, noise, bias):
        return _reference(x, scale, noise, bias, curve)
    noise = None if noise is None else noise.expand(x.shape[0], -1, -1, -1)
    # Compiled, the call is one op, which Dynamo does not look into: it would give wrong second derivatives of an autograd.Function.
    y: Tensor = (_op if torch.compiler.is_compiling() else _ScaledBiasAct.apply)(x, scale, noise, bias, *curve)
    return y


def scaled_bias_act_ref(
    x: Tensor,
    scale: Tensor | None = None,
    noise: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    negative_slope: float = 0.2,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "ref",
) -> Tensor:
    """Do the same in plain PyTorch; see :func:`scaled_bias_act`."""
    curve = Curve(negative_slope, gain, clamp)
    check(x, scale, noise, bias, curve)
    takes_triton("scaled_bias_act", "ref", x, scale, noise, bias)
    return _reference(x, scale, noise, bias, curve)


def check(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, curve: Curve) -> None:
    """Raise a ValueError for what :func:`scaled_bias_act` does not take."""
    curve.check()
    if x.dtype not in _DTYPES:
        raise ValueError(f"scaled_bias_act: x must be float32, bfloat16, float16 or float64 (got {x.dtype})")
    if x.ndim != 4:
        raise ValueError(f"scaled_bias_act: x must be [N, C, H, W] (got shape {list(x.shape)})")
    count, channels, height, width = x.shape
    wanted: tuple[tuple[str, Tensor | None, list[tuple[int, ...]]], ...] = (
        ("scale", scale, [(count, channels)]),
        ("noise", noise, [(count, 1, height, width), (1, 1, height, width)]),
        ("bias", bias, [(channels,)]),
    )
    for name, tensor, shapes in wanted:
        if tensor is None:
            continue
        if tuple(tensor.shape) not in shapes:
            raise ValueError(f"scaled_bias_act: {name} must be {list(shapes[0])} (got shape {list(tensor.shape)})")
        if tensor.dtype not in (x.dtype, torch.float32):
            raise ValueError(f"scaled_bias_act: {name} must be {x.dtype}, like x, or torch.float32 (got {tensor.dtype})")


def _reference(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, curve: Curve) -> Tensor:
    t = x if scale is None else x * scale.to(x.dtype)[:, :, None, None]
    t = t if noise is None else t + noise.to(t.dtype)
    plain = curve.gain == 1 and curve.clamp is None
    t = t if plain else t.to(torch.promote_types(x.dtype, torch.float32))
    t = t if bias is None else t + over_channels(bias, x)
    if curve.negative_slope == 1 and plain:
        return t.to(x.dtype)
    return activate(t, curve, inplace=t is not x).to(x.dtype)


def _argument(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None) -> Tensor:
    t = x.to(torch.promote_types(x.dtype, torch.float32))
    t = t if scale is None else t * scale[:, :, None, None]
    t = t if noise is None else t + noise
    return t if bias is None else t + over_channels(bias, x)


def _slope(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, curve: Curve) -> Tensor:
    """Return the activation's slope, ``[N, C, H, W]``, a constant."""
    with torch.no_grad():
        t = _argument(x, scale, noise, bias)
        slope = torch.where(t > 0, curve.gain, curve.gain * curve.negative_slope).to(t.dtype)
        if curve.clamp is None:
            return slope
        size = curve.gain * torch.where(t > 0, t, curve.negative_slope * t).abs()
        return torch.where(size < curve.clamp, slope, 0.0)


def _plain(x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any) -> Tensor:
    y = activate(_argument(x, scale, noise, bias), Curve(*curve), inplace=False)
    return torch.empty_like(to_layout(x)).copy_(y)


def _plain_backward(
    dy: Tensor, x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    u = _slope(x, scale, noise, bias, Curve(*curve)) * dy
    dx = torch.empty_like(to_layout(x)).copy_(u if scale is None else u * scale[:, :, None, None])
    nothing = x.new_empty(0)
    return (
        dx,
        nothing if scale is None else (u * x).sum(dim=(2, 3)).to(scale.dtype),
        nothing if noise is None else u.sum(dim=1, keepdim=True).to(noise.dtype),
        nothing if bias is None else u.sum(dim=(0, 2, 3)).to(bias.dtype),
    )


def _fake_backward(
    dy: Tensor, x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    nothing = x.new_empty(0)
    return (
        torch.empty_like(to_layout(x)),
        nothing if scale is None else x.new_empty(scale.shape, dtype=scale.dtype),
        nothing if noise is None else x.new_empty((x.shape[0], 1, *x.shape[2:]), dtype=noise.dtype),
        nothing if bias is None else x.new_empty(bias.shape, dtype=bias.dtype),
    )


_ARGUMENTS = "Tensor x, Tensor? scale, Tensor? noise, Tensor? bias, float negative_slope, float gain, float? clamp"

forward = register(
    f"scaled_bias_act_forward({_ARGUMENTS}) -> Tensor",
    kernel="ganbench_kernels.jit.scaled_bias_act:launch_forward",
    reference=_plain,
    fake=lambda x, *_: torch.empty_like(to_layout(x)),
)
backward = register(
    f"scaled_bias_act_backward(Tensor dy, {_ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)",
    kernel="ganbench_kernels.jit.scaled_bias_act:launch_backward",
    reference=_plain_backward,
    fake=_fake_backward,
)


class _ScaledBiasAct(torch.autograd.Function):
    """(x, scale, noise, bias) to y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any) -> Tensor:
        ctx.save_for_backward(x, scale, noise, bias)
        ctx.curve = curve
        y: Tensor = forward(x, scale, noise, bias, *curve)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        inputs = ctx.saved_tensors
        gradients = _Backward.apply(dy, *inputs, *ctx.curve)
        return *(None if one is None else g for one, g in zip(inputs, gradients, strict=True)), None, None, None


class _Backward(torch.autograd.Function):
    """(dy, x, scale) to the gradients; its own derivative is PyTorch's operations, the slope being a constant."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, x: Tensor, scale: Tensor | None, noise: Tensor | None, bias: Tensor | None, *curve: Any) -> Any:
        ctx.save_for_backward(dy, x, scale, noise, bias)
        ctx.set_materialize_grads(False)
        ctx.curve = curve
        return backward(dy, x, scale, noise, bias, *curve)

    @staticmethod
    def backward(ctx: Any, by_dx: Tensor | None, by_scale: Tensor | None, by_noise: Tensor | None, by_bias: Tensor | None) -> Any:
        dy, x, scale, noise, bias = ctx.saved_tensors
        slope = _slope(x, scale, noise, bias, Curve(*ctx.curve))
        dx = dscale = None
        ddy = torch.zeros_like(slope)
        if by_dx is not None:
            ddy = ddy + (by_dx if scale is None else by_dx * scale[:, :, None, None])
            dscale = None if scale is None else (slope * dy * by_dx).sum(dim=(2, 3)).to(scale.dtype)
        if by_scale is not None and scale is not None:
            ddy = ddy + x * by_scale[:, :, None, None]
            dx = (slope * dy * by_scale[:, :, None, None]).to(x.dtype)
        if by_noise is not None and noise is not None:
            ddy = ddy + by_noise
        if by_bias is not None and bias is not None:
            ddy = ddy + over_channels(by_bias, x)
        return (slope * ddy).to(dy.dtype), dx, dscale, None, None, None, None, None


LIBRARY.define(f"scaled_bias_act({_ARGUMENTS}) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
LIBRARY.impl("scaled_bias_act", lambda *arguments: _ScaledBiasAct.apply(*arguments), "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.scaled_bias_act.default

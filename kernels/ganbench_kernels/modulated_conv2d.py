"""A convolution whose weights each sample scales, without a copy of the weights for each (Karras et al. 2020, section 2.2).

Scaling the input channels of the weights is scaling the activations, and demodulation scales the result: both are one number for each
sample and channel, so that one ordinary convolution is enough.

Shapes: N images, I and O channels, k the kernel's side, H, W a map.
"""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench_kernels.bias_act_ops import Curve
from ganbench_kernels.dispatch import Impl
from ganbench_kernels.library import LIBRARY
from ganbench_kernels.scaled_bias_act import scaled_bias_act, scaled_bias_act_ref

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_EPS = 1e-8
NO_CURVE = Curve(1.0, 1.0, None)


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    padding: int = 0,
    up: int = 1,
    noise: Tensor | None = None,
    bias: Tensor | None = None,
    negative_slope: float = 1.0,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Convolve each sample with weights of its own, ``weight[o, i] * styles[n, i]``. Differentiable to any order.

    With ``demodulate``, the weights of each sample and output channel are divided by the root of the sum of their squares and 1e-8, which
    is taken in float32 (float64 for float64).

    Args:
        x: ``[N, I, H, W]`` float32, bfloat16, float16 or float64.
        weight: ``[O, I, k, k]`` of any of these; the convolution is in x's dtype, or in that of autocast.
        styles: ``[N, I]`` of any of these.
        demodulate: keep the expected scale of the activations.
        padding: zeros around x; with ``up``, rows and columns that are cut off around the result.
        up: 1, or the stride of a transposed convolution, which enlarges.
        noise, bias, negative_slope, gain, clamp: what comes behind it, as of :func:`ganbench_kernels.scaled_bias_act`, in one pass with the
            demodulation; nothing by default.
        impl: which implementation of that pass; the convolution is PyTorch's.

    Returns:
        ``[N, O, H + 2 * padding - k + 1, ...]``, or ``[N, O, up * (H - 1) + k - 2 * padding, ...]`` for ``up`` above 1.

    Raises:
        ValueError: another dtype, shape or number than said above.
    """
    _check(x, weight, styles, padding, up)
    y = _modulated(x, weight, styles, padding, up)
    curve = Curve(negative_slope, gain, clamp)
    if not demodulate and noise is None and bias is None and curve == NO_CURVE:
        return y
    scale = demodulation(weight, styles) if demodulate else None
    return scaled_bias_act(
        y, scale if scale is None or y.dtype == torch.float64 else scale.float(), noise, bias, **curve._asdict(), impl=impl
    )


def modulated_conv2d_ref(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    padding: int = 0,
    up: int = 1,
    noise: Tensor | None = None,
    bias: Tensor | None = None,
    negative_slope: float = 1.0,
    gain: float = 1.0,
    clamp: float | None = None,
    impl: Impl = "ref",
) -> Tensor:
    """Make each sample's weights and convolve it with them, equations 1 and 3 of the paper; see :func:`modulated_conv2d`."""
    _check(x, weight, styles, padding, up)
    made = []
    for sample, style in zip(x, styles, strict=True):
        own = _wide(weight) * _wide(style)[:, None, None]
        if demodulate:
            own = own * (own.square().sum(dim=(1, 2, 3), keepdim=True) + _EPS).rsqrt()
        made.append(_plain_convolution(sample[None], own.to(x.dtype), padding, up))
    return scaled_bias_act_ref(torch.cat(made), None, noise, bias, negative_slope=negative_slope, gain=gain, clamp=clamp)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _check(x: Tensor, weight: Tensor, styles: Tensor, padding: int, up: int) -> None:
    for name, one, dims in (("x", x, "[N, I, H, W]"), ("weight", weight, "[O, I, k, k]"), ("styles", styles, "[N, I]")):
        if one.dtype not in _DTYPES:
            raise ValueError(f"modulated_conv2d: {name} must be float32, bfloat16, float16 or float64 (got {one.dtype})")
        if one.ndim != dims.count(",") + 1:
            raise ValueError(f"modulated_conv2d: {name} must be {dims} (got shape {list(one.shape)})")
    if weight.shape[1] != x.shape[1]:
        raise ValueError(f"modulated_conv2d: weight must have the {x.shape[1]} channels of x (got shape {list(weight.shape)})")
    if styles.shape != x.shape[:2]:
        raise ValueError(f"modulated_conv2d: styles must be {list(x.shape[:2])}, one for each channel of x (got {list(styles.shape)})")
    for name, value, least in (("padding", padding, 0), ("up", up, 1)):
        if value < least:
            raise ValueError(f"modulated_conv2d: {name} must be {least} or more (got {value})")


def _plain_convolution(x: Tensor, weight: Tensor, padding: int, up: int) -> Tensor:
    if up == 1:
        return F.conv2d(x, weight, padding=padding)
    return F.conv_transpose2d(x, weight.transpose(0, 1), stride=up, padding=padding)


def _modulated(x: Tensor, weight: Tensor, styles: Tensor, padding: int, up: int) -> Tensor:
    scaled = x * styles.to(x.dtype)[:, :, None, None]
    return _plain_convolution(scaled, weight if torch.is_autocast_enabled(x.device.type) else weight.to(x.dtype), padding, up)


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """Return one over the norm of each sample's weights for each output channel, whatever the precision of a region.

    Args:
        weight: ``[O, I, k, k]``.
        styles: ``[N, I]``.

    Returns:
        ``[N, O]`` float32 (float64 if either is), the scale of :func:`ganbench_kernels.scaled_bias_act`.
    """
    mixed = torch.is_autocast_enabled(weight.device.type)
    with torch.autocast(weight.device.type, enabled=False) if mixed else contextlib.nullcontext():
        squares = _wide(weight).square().sum(dim=(2, 3))  # [O, I]
        styles = _wide(styles)
        common = torch.promote_types(squares.dtype, styles.dtype)
        return (styles.square().to(common) @ squares.to(common).T + _EPS).rsqrt()


def _convolve(x: Tensor, weight: Tensor, styles: Tensor, demodulate: bool, padding: int, up: int) -> Tensor:
    return modulated_conv2d(x, weight, styles, demodulate=demodulate, padding=padding, up=up)


LIBRARY.define(
    "modulated_conv2d(Tensor x, Tensor weight, Tensor styles, bool demodulate, int padding, int up) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)
LIBRARY.impl("modulated_conv2d", _convolve, "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.modulated_conv2d.default

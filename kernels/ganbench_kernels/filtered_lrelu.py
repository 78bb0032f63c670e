"""An activation at a higher rate than the map's, between two filters (Karras et al. 2021, StyleGAN3, section 3.2).

A nonlinearity makes frequencies that the map's pixels cannot hold. At a higher rate they have a place, and the second filter takes them
away before the rate falls again.

Shapes: N images, C channels, H, W a map, T taps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench_kernels.bias_act import bias_act, bias_act_ref
from ganbench_kernels.dispatch import Impl
from ganbench_kernels.library import LIBRARY
from ganbench_kernels.upfirdn2d import Sides, upfirdn2d, upfirdn2d_ref


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

    The first filter has the gain ``up ** 2``, so that one whose sum is 1 keeps the map's scale. Each of the three parts is an op that runs
    as ``impl`` says.

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
    wide = upfirdn2d(x, up_filter, up=up, padding=padding, gain=float(up**2), impl=impl)
    active = bias_act(wide, bias, negative_slope=negative_slope, gain=gain, clamp=clamp, impl=impl)
    return upfirdn2d(active, down_filter, down=down, impl=impl)


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


def _composed(
    x: Tensor,
    bias: Tensor | None,
    up_filter: Tensor,
    down_filter: Tensor,
    up: int,
    down: int,
    padding: list[int],
    negative_slope: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    left, right, top, bottom = padding
    return filtered_lrelu(
        x,
        bias,
        up_filter,
        down_filter,
        up=up,
        down=down,
        padding=(left, right, top, bottom),
        negative_slope=negative_slope,
        gain=gain,
        clamp=clamp,
    )


LIBRARY.define(
    "filtered_lrelu(Tensor x, Tensor? bias, Tensor up_filter, Tensor down_filter, int up, int down, SymInt[] padding,"
    " float negative_slope, float gain, float? clamp) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)
LIBRARY.impl("filtered_lrelu", _composed, "CompositeImplicitAutograd")

"""Cases of ``scaled_bias_act``: what StyleGAN2 has behind a modulated convolution."""

from __future__ import annotations

from math import prod, sqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes
from ganbench_bench.names import LAYOUTS

SLOPE, GAIN, CLAMP = 0.2, sqrt(2), 256.0


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Each size in both layouts."""
    return [_case(shape, dtype, layout) for shape, dtype in sizes.features_for(dtypes) for layout in LAYOUTS]


def _case(shape: Shape, dtype: torch.dtype, layout: str) -> Case:
    from ganbench_kernels import scaled_bias_act, scaled_bias_act_ref

    images, channels, height, width = shape
    shapes = ((images, channels), (images, 1, height, width), (channels,))

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return normal(shape, dtype, device, random, layout), *(normal(one, dtype, device, random) for one in shapes)

    def plain(x: Tensor, scale: Tensor, noise: Tensor, bias: Tensor) -> Tensor:
        t = x * scale[:, :, None, None] + noise + bias.view(1, -1, 1, 1)
        return (F.leaky_relu(t, SLOPE) * GAIN).clamp(-CLAMP, CLAMP)

    count, rest = prod(shape) * dtype.itemsize, sum(map(prod, shapes)) * dtype.itemsize
    return Case(
        op="scaled_bias_act",
        title="gain * leaky_relu(x * s + noise + b), clamped",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=plain,
        fused=lambda *inputs: scaled_bias_act(*inputs, negative_slope=SLOPE, gain=GAIN, clamp=CLAMP, impl="triton"),
        reference=lambda *inputs: scaled_bias_act_ref(*inputs, negative_slope=SLOPE, gain=GAIN, clamp=CLAMP),
        output_dtype=dtype,
        gradients=(0, 1, 2, 3),
        num_bytes={"forward": 2 * count + rest, "backward": 3 * count + 2 * rest},  # x and y; dy, x and dx, with sums for the rest
        slack=8,  # sums, and in plain PyTorch each operation rounds
        num_outliers={"backward": 0.02},  # near the kink rounding decides the slope
    )

"""Cases of ``filtered_lrelu``: StyleGAN3's activation, at twice the rate between filters of 12 taps, with its gain and clamp."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes
from ganbench_bench.names import LAYOUTS

TAPS = 12
NUMBERS: dict[str, Any] = {"padding": (9, 8, 9, 8), "negative_slope": 0.2, "gain": sqrt(2), "clamp": 256.0}


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """The smallest and the largest map, each in both layouts."""
    shapes = [(shape, dtype) for shape, dtype in sizes.features_for(dtypes) if shape in (sizes.features[0], sizes.features[-1])]
    return [_case(shape, dtype, layout) for shape, dtype in shapes for layout in LAYOUTS]


def _case(shape: Shape, dtype: torch.dtype, layout: str) -> Case:
    from ganbench_kernels import filtered_lrelu, filtered_lrelu_ref

    line = torch.hann_window(TAPS + 2, periodic=False)[1:-1]

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return normal(shape, dtype, device, random, layout), normal((shape[1],), dtype, device, random)

    def filter_for(x: Tensor) -> Tensor:
        return (line / line.sum()).to(device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))

    def fused(x: Tensor, bias: Tensor) -> Tensor:
        return filtered_lrelu(x, bias, filter_for(x), filter_for(x), **NUMBERS, impl="triton")

    def reference(x: Tensor, bias: Tensor) -> Tensor:
        return filtered_lrelu_ref(x, bias, filter_for(x), filter_for(x), **NUMBERS)

    images, channels, height, width = shape
    read, written = prod(shape) * dtype.itemsize, images * channels * (height - 2) * (width - 2) * dtype.itemsize
    row = channels * dtype.itemsize
    return Case(
        op="filtered_lrelu",
        title="up by 2, gain * leaky_relu(x + b), clamped, down by 2; 12 taps",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=reference,
        fused=fused,
        reference=reference,
        output_dtype=dtype,
        gradients=(0, 1),
        num_bytes={"forward": read + row + written, "backward": 2 * read + 2 * row + written},  # x again, for the slope
        slack=16,  # the map at twice the rate is rounded to the dtype in between, and the bias's gradient is a sum over it
        num_outliers={"backward": 0.02},  # near the kink rounding decides the slope
    )

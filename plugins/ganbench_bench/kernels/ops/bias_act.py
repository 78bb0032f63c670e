"""Cases of ``bias_act``: the activation behind a convolution, alone and with StyleGAN's gain and clamp."""

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
    """The sizes plain; the smallest and the largest with gain and clamp, in the last dtype and channels_last only."""
    made = [_case(shape, dtype, layout, gained=False) for shape, dtype in sizes.features_for(dtypes) for layout in LAYOUTS]
    ends = dict.fromkeys((sizes.features[0], sizes.features[-1]))
    return made + [_case(shape, dtypes[-1], "channels_last", gained=True) for shape in ends]


def _case(shape: Shape, dtype: torch.dtype, layout: str, *, gained: bool) -> Case:
    from ganbench_kernels import bias_act, bias_act_ref

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return normal(shape, dtype, device, random, layout), normal((shape[1],), dtype, device, random)

    def plain(x: Tensor, bias: Tensor) -> Tensor:
        y = F.leaky_relu(x + bias.view(1, -1, 1, 1), SLOPE)
        return (y * GAIN).clamp(-CLAMP, CLAMP) if gained else y

    gain, clamp = (GAIN, CLAMP) if gained else (1.0, None)
    count, channels = prod(shape), shape[1]
    return Case(
        op="bias_act",
        title="gain * leaky_relu(x + b), clamped" if gained else "leaky_relu(x + b)",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=plain,
        fused=lambda x, bias: bias_act(x, bias, negative_slope=SLOPE, gain=gain, clamp=clamp, impl="triton"),
        reference=lambda x, bias: bias_act_ref(x, bias, negative_slope=SLOPE, gain=gain, clamp=clamp),
        output_dtype=dtype,
        gradients=(0, 1),
        second=(),
        num_bytes={
            "forward": (2 * count + channels) * dtype.itemsize,  # x and b; y
            "backward": (3 * count + channels) * dtype.itemsize,  # dy and y; dx and db
            "double backward": (3 * count + channels) * dtype.itemsize,  # cotangents of dx and db, y; the one of dy
        },
        slack=8 if dtype == torch.float32 else 1,  # the bias's gradient is a sum; what adds in sequence loses three bits more than a tree
    )

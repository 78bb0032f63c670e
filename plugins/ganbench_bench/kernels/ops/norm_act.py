"""Cases of ``norm_act``: batch norm in training and the leaky-ReLU behind it."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes
from ganbench_bench.names import LAYOUTS

SLOPE, MOMENTUM, EPS = 0.2, 0.1, 1e-5


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """The sizes in each layout; weights and statistics are float32, as under autocast."""
    return [_case(shape, dtype, layout) for shape, dtype in sizes.features_for(dtypes) for layout in LAYOUTS]


def _plain(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return F.leaky_relu(F.batch_norm(x, mean, variance, weight, bias, True, MOMENTUM, EPS), SLOPE, inplace=True)


def _case(shape: Shape, dtype: torch.dtype, layout: str) -> Case:
    from ganbench_kernels import norm_act, norm_act_ref

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        weight, bias = (normal((shape[1],), torch.float32, device, random) for _ in range(2))
        statistics = torch.zeros(shape[1], device=device), torch.ones(shape[1], device=device)
        return normal(shape, dtype, device, random, layout), weight, bias, *statistics

    def fused(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return norm_act(x, weight, bias, mean, variance, momentum=MOMENTUM, eps=EPS, negative_slope=SLOPE, impl="triton")

    def reference(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return norm_act_ref(x, weight, bias, mean, variance, momentum=MOMENTUM, eps=EPS, negative_slope=SLOPE)

    size, per_channel = prod(shape) * dtype.itemsize, 4 * shape[1]
    return Case(
        op="norm_act",
        title="leaky_relu(batch_norm(x))",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=_plain,
        fused=fused,
        reference=reference,
        output_dtype=dtype,
        gradients=(0, 1, 2),
        mutates=(3, 4),
        num_bytes={
            "forward": 3 * size + 6 * per_channel,  # x for the statistics, x again; y. Weight, bias, statistics in and out
            "backward": 5 * size + 6 * per_channel,  # dy and x for the sums, dy and x again; dx. The sums, weight, mean, deviation
        },
        # Every value holds the rounding of a mean and a variance over up to 2^18 others; torch's own on a CPU loses most.
        slack=100 if dtype == torch.float32 else 4,
        num_outliers={"backward": 1e-3 if dtype == torch.float32 else 1e-5},  # normalised values that rounding moves across the kink
    )

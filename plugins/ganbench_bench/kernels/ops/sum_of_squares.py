"""Cases of ``sum_of_squares_per_sample``: what R1 and WGAN-GP take of a gradient with respect to images."""

from __future__ import annotations

from math import prod

import torch

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Gradients of images in each dtype."""
    return [_case(shape, dtype) for shape in sizes.images for dtype in dtypes]


def _case(shape: Shape, dtype: torch.dtype) -> Case:
    from ganbench_kernels import sum_of_squares_per_sample, sum_of_squares_per_sample_ref

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return (normal(shape, dtype, device, random),)

    size, sums = prod(shape) * dtype.itemsize, 4 * shape[0]
    return Case(
        op="sum_of_squares_per_sample",
        title="x.float().square().sum((1, 2, 3))",
        shape=shape,
        dtype=dtype,
        make=make,
        plain=lambda x: x.float().square().sum((1, 2, 3)),
        fused=lambda x: sum_of_squares_per_sample(x, impl="triton"),
        reference=lambda x: sum_of_squares_per_sample_ref(x),
        output_dtype=torch.float32,
        gradients=(0,),
        second=(0,),
        num_bytes={
            "forward": size + sums,
            "backward": 2 * size + sums,  # x and the incoming gradient; dx
            "double backward": 3 * size
            + 2 * sums,  # x, the cotangent of dx, the incoming gradient; those of x and of the incoming gradient
        },
    )

"""Cases of ``to_uint8``: generated images as the metrics see them."""

from __future__ import annotations

from math import prod

import torch

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Batches of images in each dtype; the layout makes no difference."""
    return [_case(shape, dtype) for shape in sizes.images for dtype in dtypes]


def _case(shape: Shape, dtype: torch.dtype) -> Case:
    from ganbench_kernels import to_uint8, to_uint8_ref

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return (normal(shape, dtype, device, random),)

    return Case(
        op="to_uint8",
        title="(127.5 x + 128).clamp(0, 255)",
        shape=shape,
        dtype=dtype,
        make=make,
        plain=lambda x: (x.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8),
        fused=lambda x: to_uint8(x, impl="triton"),
        reference=lambda x: to_uint8_ref(x),
        output_dtype=torch.uint8,
        num_bytes={"forward": prod(shape) * (dtype.itemsize + 1)},
        num_outliers={"forward": 1e-4},  # a fused multiply-add may round a value at the border of two levels the other way
    )

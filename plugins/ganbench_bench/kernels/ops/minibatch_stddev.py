"""Cases of ``minibatch_stddev``: groups of four, one channel more."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes
from ganbench_bench.names import LAYOUTS

GROUP = 4


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Each size in both layouts."""
    return [_case(shape, dtype, layout) for shape, dtype in sizes.features_for(dtypes) for layout in LAYOUTS]


def _case(shape: Shape, dtype: torch.dtype, layout: str) -> Case:
    from ganbench_kernels import minibatch_stddev, minibatch_stddev_ref

    images, channels, height, width = shape

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return (normal(shape, dtype, device, random, layout),)

    def plain(x: Tensor) -> Tensor:
        groups = x.to(torch.promote_types(dtype, torch.float32)).reshape(GROUP, -1, channels, height, width)
        deviation = (groups - groups.mean(0)).square().mean(0).add(1e-8).sqrt().mean((1, 2, 3))
        plane = deviation.to(x.dtype).repeat(GROUP).view(-1, 1, 1, 1).expand(-1, 1, height, width)
        return torch.cat([x, plane], 1)

    count, plane = prod(shape) * dtype.itemsize, images * height * width * dtype.itemsize
    return Case(
        op="minibatch_stddev",
        title="deviation in groups of 4, as one channel more",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=plain,
        fused=lambda x: minibatch_stddev(x, group_size=GROUP, impl="triton"),
        reference=lambda x: minibatch_stddev_ref(x, group_size=GROUP),
        output_dtype=dtype,
        gradients=(0,),
        num_bytes={"forward": 2 * count + plane, "backward": 3 * count + plane},  # x; y: dy and x; dx
        slack=2,
    )

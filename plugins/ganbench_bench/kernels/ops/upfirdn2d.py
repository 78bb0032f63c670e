"""Cases of ``upfirdn2d``: feature maps twice and half as large by [1, 3, 3, 1], as in StyleGAN2's and R3GAN's networks."""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes
from ganbench_bench.names import LAYOUTS


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Both ways, each in both layouts."""
    shapes = sizes.features_for(dtypes)
    return [_case(shape, dtype, layout, doubled) for shape, dtype in shapes for layout in LAYOUTS for doubled in (True, False)]


def _case(shape: Shape, dtype: torch.dtype, layout: str, doubled: bool) -> Case:
    from ganbench_kernels import upfirdn2d, upfirdn2d_ref

    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        return (normal(shape, dtype, device, random, layout),)

    def filter_for(x: Tensor) -> Tensor:
        return line.to(device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))

    def plain(x: Tensor) -> Tensor:
        kernel = torch.outer(filter_for(x), filter_for(x)).to(x.dtype).expand(x.shape[1], 1, -1, -1)
        if doubled:
            return F.conv_transpose2d(x, 4 * kernel, stride=2, padding=1, groups=x.shape[1])
        return F.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])

    def fused(x: Tensor) -> Tensor:
        if doubled:
            return upfirdn2d(x, filter_for(x), up=2, padding=(2, 1, 2, 1), gain=4.0, impl="triton")
        return upfirdn2d(x, filter_for(x), down=2, padding=1, impl="triton")

    def reference(x: Tensor) -> Tensor:
        if doubled:
            return upfirdn2d_ref(x, filter_for(x), up=2, padding=(2, 1, 2, 1), gain=4.0)
        return upfirdn2d_ref(x, filter_for(x), down=2, padding=1)

    read = prod(shape) * dtype.itemsize
    written = read * 4 if doubled else read // 4
    return Case(
        op="upfirdn2d",
        title="upsample by [1, 3, 3, 1]" if doubled else "downsample by [1, 3, 3, 1]",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=plain,
        fused=fused,
        reference=reference,
        output_dtype=dtype,
        gradients=(0,),
        num_bytes={"forward": read + written, "backward": read + written},
    )

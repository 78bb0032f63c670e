"""Cases of ``gather_normalize``: a batch from a uint8 dataset on the device, half of it mirrored."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case, Inputs
from ganbench_bench.kernels.sizes import Shape, Sizes
from ganbench_bench.names import LAYOUTS

DATASET_FACTOR = 2
"""Images of the dataset for each one that is drawn."""


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Each batch in each dtype and layout."""
    return [_case(shape, dtype, layout) for shape in sizes.images for dtype in dtypes for layout in LAYOUTS]


def _case(shape: Shape, dtype: torch.dtype, layout: str) -> Case:
    from ganbench_kernels import gather_normalize, gather_normalize_ref

    channels_last = layout == "channels_last"
    count, channels, height, width = shape
    stored = (height, width, channels) if channels_last else (channels, height, width)

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        num_images = DATASET_FACTOR * count
        images = torch.randint(0, 256, (num_images, *stored), dtype=torch.uint8, device=device, generator=random)
        indices = torch.randperm(num_images, device=device, generator=random)[:count]
        return images, indices, torch.rand(count, device=device, generator=random) < 0.5

    def plain(images: Tensor, indices: Tensor, flips: Tensor) -> Tensor:
        chosen = images[indices]
        chosen = chosen.permute(0, 3, 1, 2) if channels_last else chosen
        chosen = torch.where(flips.view(-1, 1, 1, 1), chosen.flip(3), chosen)
        return (chosen.float() / 127.5 - 1).to(dtype)

    return Case(
        op="gather_normalize",
        title="images[indices] / 127.5 - 1, flipped",
        shape=shape,
        dtype=dtype,
        layout=layout,
        make=make,
        plain=plain,
        fused=lambda *inputs: gather_normalize(*inputs, channels_last=channels_last, dtype=dtype, impl="triton"),
        reference=lambda *inputs: gather_normalize_ref(*inputs, channels_last=channels_last),
        output_dtype=dtype,
        num_bytes={
            "forward": prod(shape) * (1 + dtype.itemsize) + 9 * count
        },  # uint8 in, the result out; an index and a flip for each image
    )

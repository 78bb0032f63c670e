"""How large the inputs are: on a GPU from a layer of DCGAN to 134 MB and more, on a CPU what a cache still feels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

Shape = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """The shapes that each op is measured with."""

    features: tuple[Shape, ...]
    """Feature maps ``[N, C, H, W]`` of ``bias_act`` and ``norm_act``."""
    images: tuple[Shape, ...]
    """Batches of images ``[N, 3, H, W]``, for ``to_uint8``, ``gather_normalize`` and gradients of images."""
    logits: tuple[int, ...]
    """Batch sizes for ``gan_loss``."""

    def features_for(self, dtypes: tuple[torch.dtype, ...]) -> Iterator[tuple[Shape, torch.dtype]]:
        """Yield each shape of a feature map with each dtype; those between the ends with the last dtype only."""
        for shape in self.features:
            for dtype in dtypes if shape in (self.features[0], self.features[-1]) else dtypes[-1:]:
                yield shape, dtype


# [64, 64, 32, 32] is the first feature map of DCGAN-64's discriminator at batch 64; the last ones are 134 MB in bf16, 268 MB in fp32.
GPU = Sizes(
    features=((64, 64, 32, 32), (64, 64, 64, 64), (64, 256, 64, 64)),
    images=((64, 3, 64, 64), (344, 3, 256, 256)),
    logits=(64, 4096),
)
CPU = Sizes(features=((16, 64, 16, 16), (64, 64, 32, 32)), images=((64, 3, 64, 64),), logits=(64,))
QUICK = Sizes(features=((4, 16, 8, 8),), images=((4, 3, 16, 16),), logits=(64,))


def sizes_for(device: torch.device, *, quick: bool) -> Sizes:
    """Return the sizes for a device."""
    if quick:
        return QUICK
    return GPU if device.type == "cuda" else CPU

"""Discriminators that judge patches (Isola et al. 2017, section 3.2.2), at one scale or at several (Wang et al. 2018, section 3.2).

Shapes: N images, C channels, R x R pixels, h x w patches.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench_kernels import ConvBiasAct, NormAct
from ganbench_translation.layers import InstanceNormAct

Norm = Literal["instance", "batch"]


def _stage(before: int, after: int, stride: int, norm: Norm) -> nn.Sequential:
    """Return a convolution, its norm and its activation; with instance norm the convolution has a bias, as in the source."""
    convolution = nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=norm == "instance")
    return nn.Sequential(convolution, InstanceNormAct(0.2) if norm == "instance" else NormAct(after, negative_slope=0.2))


class PatchDiscriminator(nn.Module):
    """4x4 convolutions, strided but for the last two; networks.py NLayerDiscriminator.

    Args:
        image_channels: C.
        width: channels of the first layer; doubled with each layer up to 8 times.
        num_layers: strided convolutions.
        norm: in every layer but the first and the last.
    """

    def __init__(self, image_channels: int, *, width: int, num_layers: int, norm: Norm) -> None:
        super().__init__()
        widths = [width * min(2**i, 8) for i in range(num_layers + 1)]
        first = ConvBiasAct(image_channels, width, 4, stride=2, padding=1, negative_slope=0.2)
        strided = [_stage(widths[i - 1], widths[i], 2, norm) for i in range(1, num_layers)]
        self.stages = nn.ModuleList([first, *strided, _stage(widths[-2], widths[-1], 1, norm)])
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def judge(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits ``[N, 1, h, w]`` and the features of every layer before them."""
        features = []
        x = images
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.head(x), features

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``[N, 1, h, w]``."""
        return self.judge(images)[0]


class MultiScaleDiscriminator(nn.Module):
    """Equal discriminators, each of images at half the resolution of the one before.

    Args:
        image_channels: C.
        num_scales: discriminators.
        width, num_layers, norm: as of :class:`PatchDiscriminator`.
    """

    def __init__(self, image_channels: int, *, num_scales: int, width: int, num_layers: int, norm: Norm) -> None:
        super().__init__()
        made = [PatchDiscriminator(image_channels, width=width, num_layers=num_layers, norm=norm) for _ in range(num_scales)]
        self.scales = nn.ModuleList(made)

    def judge(self, images: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Return what each discriminator says, logits and features, the one at full resolution first."""
        judged = []
        for scale in self.scales:
            assert isinstance(scale, PatchDiscriminator)
            judged.append(scale.judge(images))
            if len(judged) < len(self.scales):
                images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
        return judged

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the logits of all patches at all scales, ``[N, sum of h w]``."""
        return torch.cat([logits.flatten(1) for logits, _ in self.judge(images)], dim=1)


def least_resolution(num_layers: int, num_scales: int = 1) -> int:
    """Return the resolution from which every scale has a patch and no norm sees a single value: R / 2^layers is 4 or more at the last."""
    return 4 << (num_layers + num_scales - 1)

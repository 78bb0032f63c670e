"""ProGAN's layers (Karras et al. 2018, https://arxiv.org/abs/1710.10196): networks.py of tkarras/progressive_growing_of_gans.

Every convolution has weights of N(0, 1) that are scaled at run time by He's constant, so that Adam moves all of them alike; a leaky ReLU of
slope 0.2 follows. Resampling and convolution are one operation each, which saves more than half of the multiplications.

Shapes: N images, C channels, H, W an image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench_kernels import ConvBiasAct

HE_GAIN = math.sqrt(2)


class EqualisedConv(ConvBiasAct):
    """A convolution with an equalised learning rate, its bias and its activation.

    Args:
        before: channels of the input.
        after: channels of the output.
        kernel: 1, 3 or 4.
        padding: zeros around the input.
        gain: of He's constant.
        fan_in: numbers that an output sums; unset: ``before * kernel * kernel``.
        linear: without an activation.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        padding: int = 0,
        gain: float = HE_GAIN,
        fan_in: int | None = None,
        linear: bool = False,
    ) -> None:
        super().__init__(before, after, kernel, padding=padding, negative_slope=1.0 if linear else 0.2)
        self.scale = gain / math.sqrt(fan_in or before * kernel * kernel)
        """He's constant (section 4.1)."""
        assert self.bias is not None
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolved: Tensor = super()._conv_forward(input, weight * self.scale, bias)
        return convolved


class FirstConv(EqualisedConv):
    """``[N, L, 1, 1]`` to ``[N, C, 4, 4]``: a linear layer, written as the convolution that it is in the paper's table 2.

    A quarter of He's gain, as in the source, which keeps that of its first version.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 4, gain=HE_GAIN / 4, fan_in=before)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv_transpose2d(input, (weight * self.scale).transpose(0, 1), bias)


class UpConv(EqualisedConv):
    """Nearest upsampling to twice the size and a 3x3 convolution with the mirrored kernel, as one transposed convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kernel = spread(weight) * (4 * self.scale)
        return F.conv_transpose2d(input, kernel.transpose(0, 1), bias, stride=2, padding=1)


class DownConv(EqualisedConv):
    """A 3x3 convolution and average pooling to half the size, as one convolution; bias and activation come behind both."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(input, spread(weight) * self.scale, bias, stride=2, padding=1)


def spread(weight: Tensor) -> Tensor:
    """Return 3x3 kernels ``[..., 3, 3]`` as 4x4 kernels ``[..., 4, 4]``: the mean of the four that lie one pixel apart."""
    return F.avg_pool2d(weight, 2, stride=1, padding=1)


class PixelNorm(nn.Module):
    """Each pixel's features divided by their root mean square (section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C, ...]`` with a mean square of 1 over C."""
        return pixel_norm(x)


def pixel_norm(x: Tensor) -> Tensor:
    """See :class:`PixelNorm`. The mean square is taken in float32."""
    squares = x.to(torch.promote_types(x.dtype, torch.float32)).square()
    return x * torch.rsqrt(squares.mean(dim=1, keepdim=True) + 1e-8).to(x.dtype)

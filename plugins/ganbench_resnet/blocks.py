"""The residual blocks of WGAN-GP and SNGAN (Gulrajani et al. 2017, appendix F; Miyato et al. 2018, figure 8).

A 1x1 convolution commutes with nearest upsampling and with mean pooling, so each skip runs it on the smaller of its two resolutions.

Shapes: N images, C channels, H, W a feature map.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from ganbench_kernels import BiasAct, ConvBiasAct, NormAct
from ganbench_resnet.conditional_norm import ConditionalNormAct

Norm = Literal["none", "layer", "batch"]

RESIDUAL_GAIN = math.sqrt(2)
"""The gain of the 3x3 convolutions of a residual branch; every other weight has gain 1."""


def glorot(layer: nn.Module, gain: float = 1.0) -> None:
    """Initialise a layer's weight uniformly (Glorot and Bengio 2010), and its bias with 0."""
    nn.init.xavier_uniform_(layer.weight, gain)  # type: ignore[arg-type]
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def residual_conv(before: int, after: int) -> nn.Conv2d:
    """Return a 3x3 convolution of a residual branch."""
    layer = nn.Conv2d(before, after, 3, padding=1)
    glorot(layer, RESIDUAL_GAIN)
    return layer


def skip_conv(before: int, after: int) -> nn.Conv2d:
    """Return the 1x1 convolution of a skip."""
    layer = nn.Conv2d(before, after, 1)
    glorot(layer)
    return layer


def generator_norm(channels: int, num_classes: int) -> nn.Module:
    """Return batch norm and ReLU, conditional where there are classes; see :func:`normalise`."""
    return ConditionalNormAct(channels, num_classes) if num_classes else NormAct(channels, negative_slope=0.0)


def normalise(norm: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
    """Call what :func:`generator_norm` returned."""
    y: Tensor = norm(x, labels) if isinstance(norm, ConditionalNormAct) else norm(x)
    return y


class GeneratorBlock(nn.Module):
    """Doubles the resolution: norm, ReLU, upsampling, 3x3, norm, ReLU, 3x3, beside a 1x1 convolution.

    Args:
        before: C of the input.
        after: C of the output.
        num_classes: of conditional batch norm; 0 for plain batch norm.
    """

    def __init__(self, before: int, after: int, num_classes: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = generator_norm(before, num_classes), generator_norm(after, num_classes)
        self.conv_in, self.conv_out = residual_conv(before, after), residual_conv(after, after)
        self.skip = skip_conv(before, after)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return ``[N, after, 2 H, 2 W]``."""
        h = self.conv_in(_upsample(normalise(self.norm_in, x, labels)))
        h = self.conv_out(normalise(self.norm_out, h, labels))
        y: Tensor = h + _upsample(self.skip(x))
        return y


class FirstBlock(nn.Module):
    """Takes the image and halves the resolution: 3x3, ReLU, 3x3, pooling, beside pooling and a 1x1 convolution.

    It begins with a convolution, because a ReLU would throw away half of the image.

    Args:
        before: C of the image.
        after: C of the output.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv_in, self.conv_out = _activated_conv(before, after), residual_conv(after, after)
        self.skip = skip_conv(before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, after, H / 2, W / 2]``."""
        y: Tensor = F.avg_pool2d(self.conv_out(self.conv_in(x)), 2) + self.skip(F.avg_pool2d(x, 2))
        return y


class DiscriminatorBlock(nn.Module):
    """Norm, ReLU, 3x3, norm, ReLU, 3x3 and, where it halves the resolution, pooling, beside a 1x1 convolution or nothing.

    Args:
        before: C of the input.
        after: C of the output.
        downsample: whether it halves the resolution.
        norm: what stands before each ReLU.
    """

    def __init__(self, before: int, after: int, *, downsample: bool, norm: Norm) -> None:
        super().__init__()
        self.downsample = downsample
        # Without a norm, the ReLU before the first convolution must not be in place: the skip needs its input.
        self.activation_in = BiasAct(before, bias=False, negative_slope=0.0) if norm == "none" else _normalised(before, norm)
        if norm == "none":
            self.conv_in: nn.Module = _activated_conv(before, before)
        else:
            self.conv_in = nn.Sequential(residual_conv(before, before), _normalised(before, norm))
        self.conv_out = residual_conv(before, after)
        self.skip = skip_conv(before, after) if downsample or before != after else None

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, after, H, W]``, or half of H and W."""
        h = self.conv_out(self.conv_in(self.activation_in(x)))
        if self.downsample:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        y: Tensor = h + (x if self.skip is None else self.skip(x))
        return y


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _activated_conv(before: int, after: int) -> ConvBiasAct:
    """Return a 3x3 convolution of a residual branch with its ReLU."""
    layer = ConvBiasAct(before, after, 3, padding=1, negative_slope=0.0)
    glorot(layer, RESIDUAL_GAIN)
    return layer


def _normalised(channels: int, norm: Norm) -> nn.Module:
    """Return a norm and its ReLU; layer norm is over all of a sample, with a gain and a bias for each channel."""
    if norm == "batch":
        return NormAct(channels, negative_slope=0.0)
    return nn.Sequential(nn.GroupNorm(1, channels), nn.ReLU())

"""BigGAN's residual blocks (Brock et al. 2019, figure 15), as ajbrock/BigGAN-PyTorch layers.py has them.

A 1x1 convolution commutes with nearest upsampling and with average pooling, so the shortcuts convolve where the map is small: a quarter of
the source's arithmetic, the same numbers up to rounding. Where a shortcut needs the block's input, the first activation is not in place.

Shapes: N images, C channels, H, W a feature map.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from ganbench_biggan.channels import Stage
from ganbench_biggan.conditioning import Prepare
from ganbench_kernels import ConvBiasAct


class GeneratorBlock(nn.Module):
    """Norm, ReLU, upsampling, convolution, norm, ReLU, convolution, and a shortcut.

    Args:
        stage: its channels.
        make_norm: makes a norm with its ReLU for so many channels.
        prepare: for its convolutions.
    """

    def __init__(self, stage: Stage, make_norm: Callable[[int], nn.Module], prepare: Prepare) -> None:
        super().__init__()
        self.norm1, self.norm2 = make_norm(stage.before), make_norm(stage.after)
        self.conv1 = prepare(nn.Conv2d(stage.before, stage.after, 3, padding=1))
        self.conv2 = prepare(nn.Conv2d(stage.after, stage.after, 3, padding=1))
        self.shortcut = prepare(nn.Conv2d(stage.before, stage.after, 1))

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Return the feature map of twice the height and width."""
        h = F.interpolate(self.norm1(x, condition), scale_factor=2.0)
        h = self.conv2(self.norm2(self.conv1(h), condition))
        result: Tensor = h + F.interpolate(self.shortcut(x), scale_factor=2.0)
        return result


class DiscriminatorBlock(nn.Module):
    """ReLU (not in the first block), convolution, ReLU, convolution, average pooling, and a shortcut where channels or size change.

    Args:
        stage: its channels and whether it halves the resolution.
        first: whether it sees the image.
        prepare: for its convolutions.
    """

    def __init__(self, stage: Stage, first: bool, prepare: Prepare) -> None:
        super().__init__()
        self.first, self.halves = first, stage.resampled
        self.conv1 = prepare(ConvBiasAct(stage.before, stage.after, 3, padding=1, negative_slope=0.0))
        self.conv2 = prepare(nn.Conv2d(stage.after, stage.after, 3, padding=1))
        changes = stage.resampled or stage.before != stage.after
        self.shortcut = prepare(nn.Conv2d(stage.before, stage.after, 1)) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature map."""
        h = self.conv2(self.conv1(x if self.first else F.relu(x)))
        if self.halves:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        result: Tensor = h + self.shortcut(x)
        return result

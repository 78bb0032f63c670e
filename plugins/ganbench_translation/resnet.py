"""CycleGAN's generator: strided convolutions, residual blocks, transposed convolutions (Johnson et al. 2016; networks.py ResnetGenerator).

Instance norm throughout, reflection padding, and no activation in place in front of a skip connection.
Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganbench_translation.layers import InstanceNormAct, ReflectionPad


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, the first activated, added to what came in.

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNormAct(0.0),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, channels, H, W]``."""
        change: Tensor = self.layers(x)
        return x + change


class ResNetGenerator(nn.Module):
    """``[N, C, H, W]`` images in [-1, 1] to images of the same shape.

    Args:
        image_channels: C.
        width: channels of the first layer.
        num_downsamplings: strided convolutions, each of which doubles the channels.
        num_blocks: residual blocks.
    """

    def __init__(self, image_channels: int, *, width: int, num_downsamplings: int, num_blocks: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(num_downsamplings + 1)]
        layers: list[nn.Module] = [ReflectionPad(3), nn.Conv2d(image_channels, width, 7), InstanceNormAct(0.0)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), InstanceNormAct(0.0)]
        layers += [ResidualBlock(widths[-1]) for _ in range(num_blocks)]
        for before, after in pairwise(widths[::-1]):
            layers += [nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1), InstanceNormAct(0.0)]
        layers += [ReflectionPad(3), nn.Conv2d(width, image_channels, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return translated images."""
        translated: Tensor = self.layers(images)
        return translated

"""SRResNet, the generator of SRGAN (Ledig et al. 2017, https://arxiv.org/abs/1609.04802, figure 4), as Lornatang/SRGAN-PyTorch builds it.

Its trunk's convolutions have no biases, in the source as by default here: batch norms follow. Shapes: N images, C channels, h, w what is
given, H, W what is made.
"""

from __future__ import annotations

from torch import Tensor, nn

from ganbench_restoration.degrade import enlarge


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norms, a PReLU between them, added to what came in.

    Args:
        width: channels.
        bias: of the convolutions.
    """

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=bias),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, width, h, w]``."""
        change: Tensor = self.layers(x)
        return x + change


class Doubling(nn.Sequential):
    """Twice the size by pixel shuffle (Shi et al. 2016, https://arxiv.org/abs/1609.05158, equation 4).

    Channel ``4 c + 2 i + j`` of the convolution becomes row ``i`` and column ``j`` of each 2x2 square of channel ``c``.
    """

    def __init__(self, width: int) -> None:
        super().__init__(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())


class SRResNet(nn.Module):
    """Images to images that are ``scale`` times as large.

    Args:
        channels: C.
        scale: 1, 2 or 4.
        width: channels of the features.
        num_blocks: residual blocks.
        outer_kernel: height and width of the first and the last convolution.
        trunk_bias: whether the convolutions before batch norms have biases.
        add_to_given: whether the output is added to what is given, enlarged bicubically.
    """

    def __init__(
        self,
        channels: int,
        *,
        scale: int,
        width: int = 64,
        num_blocks: int = 16,
        outer_kernel: int = 9,
        trunk_bias: bool = False,
        add_to_given: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.add_to_given = scale, add_to_given
        self.first = nn.Sequential(nn.Conv2d(channels, width, outer_kernel, padding=outer_kernel // 2), nn.PReLU())
        blocks = [ResidualBlock(width, bias=trunk_bias) for _ in range(num_blocks)]
        self.trunk = nn.Sequential(*blocks, nn.Conv2d(width, width, 3, padding=1, bias=trunk_bias), nn.BatchNorm2d(width))
        self.enlarging = nn.Sequential(*(Doubling(width) for _ in range(scale.bit_length() - 1)))
        self.last = nn.Conv2d(width, channels, outer_kernel, padding=outer_kernel // 2)
        if add_to_given:
            begin_at_zero(self.last)

    def forward(self, given: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return ``[N, C, H, W]`` of images ``[N, C, h, w]`` in [-1, 1]."""
        x = self.first(given)
        images: Tensor = self.last(self.enlarging(x + self.trunk(x)))
        return images + trivial_answer(given, self.scale) if self.add_to_given else images


def trivial_answer(given: Tensor, scale: int) -> Tensor:
    """Return what is given at the size of its answer, float32."""
    return given if scale == 1 else enlarge(given.float(), scale)


def begin_at_zero(convolution: nn.Conv2d) -> None:
    """Have a convolution return zeros until it is trained."""
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

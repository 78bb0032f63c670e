"""SRGAN's discriminator (Ledig et al. 2017, https://arxiv.org/abs/1609.04802, figure 4), which sees images alone, not what was given.

Shapes: N images, C channels, H, W height and width, both multiples of 16.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganbench_kernels import ConvBiasAct, NormAct

HALVINGS = 4


class Discriminator(nn.Module):
    """Eight 3x3 convolutions, every second one strided; two linear layers.

    Args:
        channels: C.
        height, width_pixels: H and W.
        width: channels of the first layer, doubled three times.
        hidden: units of the hidden layer.
    """

    def __init__(self, channels: int, height: int, width_pixels: int, *, width: int = 64, hidden: int = 1024) -> None:
        super().__init__()
        first: list[nn.Module] = [ConvBiasAct(channels, width, 3, padding=1, negative_slope=0.2)]
        widths = [width * 2 ** (i // 2) for i in range(2 * HALVINGS)]
        for place, (before, after) in enumerate(pairwise(widths)):
            stride = 1 if place % 2 else 2
            first += [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), NormAct(after, negative_slope=0.2)]
        self.layers = nn.Sequential(*first)
        numbers = widths[-1] * (height >> HALVINGS) * (width_pixels >> HALVINGS)
        self.head = nn.Sequential(nn.Linear(numbers, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``[N]``."""
        logits: Tensor = self.head(self.layers(images).flatten(1))
        return logits[:, 0]

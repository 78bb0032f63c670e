"""pix2pix's generator: an encoder and a decoder with skip connections between equal resolutions (networks.py UnetGenerator).

The source applies leaky ReLU in place to what the skip carries; the decoder's ReLU behind it makes the same of both, so here nothing is in
place. Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench_kernels import ConvBiasAct, NormAct

MOST_LEVELS = 8
"""Halvings at 256x256, down to 1x1; larger images end at a larger bottom."""


def num_levels(resolution: int) -> int:
    """Return how often the encoder halves images: down to an odd size, at most 8 times."""
    levels = 0
    while levels < MOST_LEVELS and resolution % 2 ** (levels + 1) == 0:
        levels += 1
    return levels


def dropout_levels(levels: int) -> range:
    """Return the decoder's layers with dropout: 4 to 6 of 8, as in the source; one at least where there are three or more."""
    return range(max(1, min(4, levels - 2)), levels - 1)


def _encoder(input_channels: int, widths: list[int]) -> list[nn.Module]:
    """Return a module for each halving, activated for the next one; the last one only for the decoder."""
    first = ConvBiasAct(input_channels, widths[0], 4, stride=2, padding=1, bias=False, negative_slope=0.2)
    middle = [
        nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False), NormAct(after, negative_slope=0.2))
        for before, after in pairwise(widths[:-1])
    ]
    return [first, *middle, ConvBiasAct(widths[-2], widths[-1], 4, stride=2, padding=1, bias=False, negative_slope=0.0)]


def _decoder(output_channels: int, widths: list[int], dropout: float) -> list[nn.Module]:
    """Return a module for each doubling, the outermost first; those that meet a skip connection take twice the channels."""
    levels = len(widths)
    layers: list[nn.Module] = [nn.ConvTranspose2d(2 * widths[0], output_channels, 4, stride=2, padding=1)]
    for level in range(1, levels):
        doubled = 1 if level == levels - 1 else 2
        convolution = nn.ConvTranspose2d(doubled * widths[level], widths[level - 1], 4, stride=2, padding=1, bias=False)
        drops = [nn.Dropout(dropout)] if dropout and level in dropout_levels(levels) else []
        layers.append(nn.Sequential(convolution, NormAct(widths[level - 1], negative_slope=0.0), *drops))
    return layers


class UNet(nn.Module):
    """``[N, input_channels, H, W]`` to images ``[N, output_channels, H, W]`` in [-1, 1].

    Args:
        input_channels, output_channels: of images and whatever else comes in.
        resolution: H.
        width: channels of the first level; doubled with each level up to 8 times.
        dropout: part of the features that is dropped in training.

    Raises:
        ValueError: a resolution that cannot be halved twice.
    """

    def __init__(self, input_channels: int, output_channels: int, *, resolution: int, width: int, dropout: float) -> None:
        super().__init__()
        levels = num_levels(resolution)
        if levels < 2:
            raise ValueError(f"resolution must be a multiple of 4 (got {resolution})")
        widths = [width * min(2**level, 8) for level in range(levels)]
        self.encoder = nn.ModuleList(_encoder(input_channels, widths))
        self.decoder = nn.ModuleList(_decoder(output_channels, widths, dropout))

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        skips = []
        x = inputs
        for level in self.encoder:
            x = level(x)
            skips.append(x)
        skips.pop()
        for level in reversed(list(self.decoder)[1:]):
            x = torch.cat([F.relu(skips.pop()), level(x)], dim=1)
        images: Tensor = self.decoder[0](x)
        return images.tanh()


class Inpainter(UNet):
    """A U-Net for images of which a part is hidden: what is visible stays as it is.

    Inputs are ``[N, C + 1, H, W]``: the image, 0 where it is hidden, and a plane that is 1 there and 0 elsewhere.
    """

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return whole images ``[N, C, H, W]``."""
        return inputs[:, :-1] + super().forward(inputs, labels) * inputs[:, -1:]

"""GANomaly's networks (Akcay et al. 2018, https://arxiv.org/abs/1805.06725): encoder, decoder and second encoder; a discriminator.

As samet-akcay/ganomaly has them, lib/networks.py, but that the discriminator returns logits and no sigmoid. A sample's score is the mean
squared distance of its code to the code of its reconstruction; the source also scales the scores of a test set to [0, 1], which changes
thresholds and no order.

Shapes: N images, C channels, H, W height and width, L the length of a code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Dataset, FromData, Networks
from ganbench_detection.discriminator import FeatureDiscriminator
from ganbench_detection.options import GANomalyOptions
from ganbench_spaces.images import draw_images, square_images

_BASE = 4


def _widths(resolution: int, width: int) -> list[int]:
    """Return the channels from half the resolution down to 4x4."""
    return [width * 2**level for level in range(int(math.log2(resolution // _BASE)))]


def _encoder(channels: int, widths: list[int], outputs: int) -> nn.Sequential:
    """Return convolutions from images to ``[N, outputs, 1, 1]``."""
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], outputs, _BASE, bias=False))


def _decoder(channels: int, widths: list[int], inputs: int) -> nn.Sequential:
    """Return convolutions from ``[N, inputs, 1, 1]`` to images."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(inputs, widths[-1], _BASE, bias=False), nn.BatchNorm2d(widths[-1]), nn.ReLU()]
    for before, after in pairwise(widths[::-1]):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(widths[0], channels, 4, 2, 1, bias=False), nn.Tanh())


class Generator(nn.Module):
    """Images to their reconstructions."""

    def __init__(self, channels: int, widths: list[int], latent_dim: int) -> None:
        super().__init__()
        self.encoder = _encoder(channels, widths, latent_dim)
        self.decoder = _decoder(channels, widths, latent_dim)
        self.second_encoder = _encoder(channels, widths, latent_dim)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return reconstructions ``[N, C, H, W]``."""
        again: Tensor = self.decoder(self.encoder(images))
        return again

    def with_codes(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstructions, the codes of the images and those of the reconstructions, ``[N, L]``."""
        codes = self.encoder(images)
        again = self.decoder(codes)
        return again, codes.flatten(1), self.second_encoder(again).flatten(1)


class Discriminator(FeatureDiscriminator):
    """Images to logits, by features ``[N, ..., 4, 4]``."""

    def __init__(self, channels: int, widths: list[int]) -> None:
        *features, last = _encoder(channels, widths, 1)
        super().__init__(nn.Sequential(*features), last)


def initialise(module: nn.Module) -> None:
    """Draw weights of convolutions from N(0, 0.02), scales of batch norms from N(1, 0.02)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def score(modules: Mapping[str, nn.Module], images: Tensor) -> Tensor:
    """Return the mean squared distance of the two codes, ``[N]``."""
    generator = modules["generator"]
    assert isinstance(generator, Generator)
    _, codes, again = generator.with_codes(images)
    return (codes - again).square().mean(1)


def held_out_images(dataset: Dataset, count: int, random: torch.Generator) -> Tensor:
    """Return held-out images ``[count, C, H, W]`` in a random order; of the train split where none are held out."""
    return draw_images(dataset.test or dataset.train, count, random)


def build(options: GANomalyOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    images = square_images(context.space)
    widths = _widths(images.resolution, options.width)
    generator = Generator(images.channels, widths, options.latent_dim)
    discriminator = Discriminator(images.channels, widths)
    for module in (generator, discriminator):
        module.apply(initialise)
    modules: dict[str, nn.Module] = {"generator": generator, "discriminator": discriminator}
    return Networks(modules=modules, inputs=FromData(inputs=held_out_images), scorers={"anomaly": score})

"""DCGAN's networks (Radford et al. 2016, https://arxiv.org/abs/1511.06434).

At 64x64 with the defaults they are pytorch/examples' dcgan/main.py: the same layers, order, initialisation and parameter counts (3,576,704
and 2,765,568 for three channels). Other resolutions add or drop levels. Channels stop doubling at 16 times the width.

Shapes: N images, L the length of z, K classes, C, H, W an image.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import ImageShape, Networks
from ganbench_dcgan import DCGANOptions
from ganbench_kernels import ConvBiasAct, NormAct


def channel_widths(resolution: int, base_resolution: int, width: int) -> list[int]:
    """Return the channels of the feature maps from half the resolution down to the base: 64, 128, 256, 512 for 64 and 4."""
    levels = int(math.log2(resolution // base_resolution))
    return [min(width * 2**level, 16 * width) for level in range(levels)]


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """Return ``[N, K]``. torch's own function looks at the labels on the host first, and a step must not wait for that."""
    return (labels[:, None] == torch.arange(num_classes, device=labels.device)).to(dtype)


def used_classes(options: DCGANOptions, shape: ImageShape) -> int:
    """Return K where the networks use labels, else 0."""
    return 0 if options.conditional is False else shape.num_classes


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: DCGANOptions, shape: ImageShape) -> None:
        super().__init__()
        self.num_classes = used_classes(options, shape)
        widths = channel_widths(shape.resolution, options.base_resolution, options.generator_width)[::-1]
        base = options.base_resolution
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(options.latent_dim + self.num_classes, widths[0], base, bias=False),
            NormAct(widths[0], negative_slope=0.0),
        ]
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False), NormAct(after, negative_slope=0.0)]
        layers += [nn.ConvTranspose2d(widths[-1], shape.image_channels, 4, stride=2, padding=1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        if self.num_classes:
            assert labels is not None
            latents = torch.cat([latents, one_hot(labels, self.num_classes, latents.dtype)], dim=1)
        images: Tensor = self.layers(latents[:, :, None, None])
        return images


def _strided(before: int, after: int, options: DCGANOptions, *, norm: bool) -> list[nn.Module]:
    """Return a convolution that halves the resolution, its activation, and its normalisation where the options put that."""
    kernel = options.discriminator_kernel
    sizes = {"stride": 2, "padding": (kernel - 1) // 2}
    bias = options.head == "linear"
    if norm and not options.norm_after_activation:
        return [nn.Conv2d(before, after, kernel, **sizes, bias=bias), NormAct(after, negative_slope=0.2)]
    activated = ConvBiasAct(before, after, kernel, **sizes, bias=bias, negative_slope=0.2)
    return [activated, nn.BatchNorm2d(after)] if norm else [activated]


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits."""

    def __init__(self, options: DCGANOptions, shape: ImageShape) -> None:
        super().__init__()
        self.num_classes = used_classes(options, shape)
        widths = channel_widths(shape.resolution, options.base_resolution, options.discriminator_width)
        channels = [shape.image_channels + self.num_classes, *widths]
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(zip(channels, widths, strict=False)):
            layers += _strided(before, after, options, norm=level > 0 and options.discriminator_norm == "batch")
        base = options.base_resolution
        if options.head == "conv":
            layers.append(nn.Conv2d(widths[-1], 1, base, bias=False))
        else:
            layers += [nn.Flatten(), nn.Linear(widths[-1] * base * base, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        if self.num_classes:
            assert labels is not None
            planes = one_hot(labels, self.num_classes, images.dtype)[:, :, None, None]
            images = torch.cat([images, planes.expand(-1, -1, *images.shape[2:])], dim=1)
        logits: Tensor = self.layers(images).flatten()
        return logits


def initialise(module: nn.Module) -> None:
    """Convolutions and linear layers from N(0, 0.02), batch-norm gains from N(1, 0.02), biases 0 (section 4)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def build(options: DCGANOptions, shape: ImageShape) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset.
    """
    if options.conditional and shape.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    generator, discriminator = Generator(options, shape), Discriminator(options, shape)
    generator.apply(initialise)
    discriminator.apply(initialise)
    return Networks(
        generator=generator, discriminator=discriminator, latent_dim=options.latent_dim, conditional=used_classes(options, shape) > 0
    )

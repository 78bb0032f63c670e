"""WGAN-GP's convolutional networks (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028).

At 32x32 with the defaults they are those of igul222/improved_wgan_training's gan_cifar.py: 5x5 kernels, biases everywhere, batch norm in
the generator (of each feature apart behind the linear layer), none in the critic, and its initialisation. Other resolutions add or drop
levels.

Shapes: N images, L the length of z, C, H, W an image.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_kernels import ConvBiasAct, NormAct
from ganbench_spaces.images import square_images
from ganbench_wgan import ConvOptions

_BASE = 4
_KERNEL = 5


def channel_widths(resolution: int, width: int) -> list[int]:
    """Return the channels of the feature maps from half the resolution down to 4x4: 128, 256, 512 for 32 and 128."""
    return [width * 2**level for level in range(int(math.log2(resolution // _BASE)))]


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: ConvOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        widths = channel_widths(images.resolution, options.generator_width)[::-1]
        features = widths[0] * _BASE**2
        self.input = nn.Sequential(nn.Linear(options.latent_dim, features), NormAct(features, negative_slope=0.0))
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [_transposed(before, after), NormAct(after, negative_slope=0.0)]
        self.layers = nn.Sequential(*layers, _transposed(widths[-1], images.channels))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        return torch.tanh(self.layers(self.input(latents).unflatten(1, (-1, _BASE, _BASE))))


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits, each of its own image alone."""

    def __init__(self, options: ConvOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        widths = channel_widths(images.resolution, options.discriminator_width)
        layers: list[nn.Module] = [
            ConvBiasAct(before, after, _KERNEL, stride=2, padding=_KERNEL // 2, negative_slope=0.2)
            for before, after in pairwise([images.channels * context.packing, *widths])
        ]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * _BASE**2, 1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.layers(images).flatten()
        return logits


def _transposed(before: int, after: int) -> nn.ConvTranspose2d:
    """Return a convolution that doubles the resolution."""
    return nn.ConvTranspose2d(before, after, _KERNEL, stride=2, padding=_KERNEL // 2, output_padding=1)


def initialise(module: nn.Module) -> None:
    """Weights uniform with Glorot's variance, twice that in convolutions, whose fans count what a stride leaves; biases 0 (tflib)."""
    if isinstance(module, nn.Linear):
        variance = 2 / (module.in_features + module.out_features)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        taps = math.prod(module.kernel_size)
        strided, plain = module.out_channels, module.in_channels
        if isinstance(module, nn.ConvTranspose2d):
            strided, plain = plain, strided
        variance = 4 / (taps * (plain + strided / math.prod(module.stride)))
    else:
        return
    bound = math.sqrt(3 * variance)
    nn.init.uniform_(module.weight, -bound, bound)
    nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def build(options: ConvOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    generator, discriminator = Generator(options, context), Discriminator(options, context)
    generator.apply(initialise)
    discriminator.apply(initialise)
    return Networks(modules={"generator": generator, "discriminator": discriminator}, inputs=Latents(options.latent_dim))

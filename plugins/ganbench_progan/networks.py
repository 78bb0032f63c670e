"""ProGAN's networks (Karras et al. 2018, https://arxiv.org/abs/1710.10196, table 2).

At 1024x1024 with 512 channels they are networks.py of tkarras/progressive_growing_of_gans: the same layers, initialisation and parameter
counts (23,079,115 and 23,087,249 with every layer from and to images). As there, images are a linear layer's output without a tanh: what
the discriminator sees is not bounded, and what is looked at is cut off at -1 and 1.

Shapes: N images, L the length of z, K classes, C, H, W an image, h, w an image at the current resolution.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_kernels import minibatch_stddev
from ganbench_progan import ProgressiveOptions
from ganbench_progan.class_loss import ClassLoss
from ganbench_progan.growing import GrowingNetwork, blend, double, enlarge, halve, level_of, reduce
from ganbench_progan.layers import DownConv, EqualisedConv, FirstConv, PixelNorm, UpConv, pixel_norm
from ganbench_spaces.images import square_images


def most_channels(options: ProgressiveOptions, resolution: int) -> int:
    """Return max_channels, or what suits the resolution."""
    return min(4 * resolution, 512) if options.max_channels is None else options.max_channels


def channel_widths(options: ProgressiveOptions, resolution: int) -> list[int]:
    """Return the channels at 4, 8, ... up to a resolution: 512, 512, 512, 512, 256, 128, 64, 32, 16 for 1024."""
    most = most_channels(options, resolution)
    return [min(options.channel_base >> (level + 1), most) for level in range(level_of(resolution) + 1)]


def used_classes(options: ProgressiveOptions, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0."""
    return 0 if options.conditional is False else context.num_classes


class Generator(GrowingNetwork):
    """``[N, L]`` latents to ``[N, C, H, W]`` images; below its full size it repeats pixels."""

    def __init__(self, options: ProgressiveOptions, context: BuildContext, latent_dim: int) -> None:
        images = square_images(context.space)
        super().__init__(images.resolution)
        self.num_classes = used_classes(options, context)
        widths = channel_widths(options, images.resolution)
        self.blocks = nn.ModuleList([_first_block(latent_dim + self.num_classes, widths[0])])
        self.blocks.extend(_up_block(before, after) for before, after in pairwise(widths))
        self.to_image = nn.ModuleList(EqualisedConv(width, images.channels, 1, gain=1.0, linear=True) for width in widths)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images at full resolution, in [-1, 1]."""
        return enlarge(self.at_current_resolution(latents, labels), self.resolution).clamp(-1, 1)

    def at_current_resolution(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images ``[N, C, h, w]`` without bounds."""
        if self.num_classes:
            assert labels is not None
            classes = torch.arange(self.num_classes, device=labels.device)
            latents = torch.cat([latents, (labels[:, None] == classes).to(latents.dtype)], dim=1)
        x = before = pixel_norm(latents)[:, :, None, None]
        for block in self.blocks[: self.level + 1]:
            before, x = x, block(x)
        images: Tensor = self.to_image[self.level](x)
        if self.fading:
            images = blend(double(self.to_image[self.level - 1](before)), images, self.alpha)
        return images


def _first_block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(FirstConv(before, after), PixelNorm(), EqualisedConv(after, after, 3, padding=1), PixelNorm())


def _up_block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(UpConv(before, after), PixelNorm(), EqualisedConv(after, after, 3, padding=1), PixelNorm())


class Discriminator(GrowingNetwork):
    """``[N, C, H, W]`` images, or smaller ones down to the current resolution, to ``[N]`` logits, with ``[N, K]`` class logits."""

    def __init__(self, options: ProgressiveOptions, context: BuildContext, last_width: int) -> None:
        images = square_images(context.space)
        super().__init__(images.resolution)
        self.num_classes, self.stddev_group = used_classes(options, context), options.stddev_group
        widths = channel_widths(options, images.resolution)
        self.from_image = nn.ModuleList(EqualisedConv(images.channels, width, 1) for width in widths)
        self.blocks = nn.ModuleList(_down_block(before, after) for after, before in pairwise(widths))
        self.head = nn.Sequential(
            EqualisedConv(widths[0] + (self.stddev_group > 0), widths[0], 3, padding=1),
            EqualisedConv(widths[0], last_width, 4),
            EqualisedConv(last_width, 1 + self.num_classes, 1, gain=1.0, linear=True),
            nn.Flatten(),
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | Judgement:
        """Return logits; labels are not looked at."""
        images = reduce(images, self.current_resolution)
        x: Tensor = self.from_image[self.level](images)
        for level in range(self.level, 0, -1):
            x = self.blocks[level - 1](x)
            if self.fading and level == self.level:
                x = blend(self.from_image[level - 1](halve(images)), x, self.alpha)
        if self.stddev_group:
            x = minibatch_stddev(x, group_size=self.stddev_group)
        answer: Tensor = self.head(x)
        return Judgement(logits=answer[:, 0], class_logits=answer[:, 1:]) if self.num_classes else answer[:, 0]


def _down_block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(EqualisedConv(before, before, 3, padding=1), DownConv(before, after))


def build(options: ProgressiveOptions, context: BuildContext) -> Networks:
    """Build both networks, fully grown.

    Raises:
        ValueError: ``conditional`` without labels in the dataset, or ``start_resolution`` above the dataset's.
    """
    images = square_images(context.space)
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    if options.start_resolution > images.resolution:
        raise ValueError(f"start_resolution must be at most the images', {images.resolution} (got {options.start_resolution})")
    most = most_channels(options, images.resolution)
    latent_dim = options.latent_dim or most
    num_classes = used_classes(options, context)
    return Networks(
        modules={"generator": Generator(options, context, latent_dim), "discriminator": Discriminator(options, context, most)},
        inputs=Latents(latent_dim, labels=num_classes > 0),
        terms=(ClassLoss(options.class_weight),) if num_classes and options.class_weight else (),
    )

"""Residual generator and discriminator (Gulrajani et al. 2017, appendix F; Miyato et al. 2018, tables 4 to 6; Miyato and Koyama 2018).

At 32x32 they are those of pfnet-research/sngan_projection (gen_models/resnet_32.py, dis_models/snresnet_32.py: 4,276,739 and 1,053,824
parameters for three channels, one more with a bias in the head, as kwotsin/mimicry has it) and, at width 128 without spectral norm and
with mean pooling, of igul222/improved_wgan_training (gan_cifar_resnet.py). At 48x48 they are those of the paper and of mimicry, at 64x64
and 128x128 those of pfnet-research (gen_models/resnet_64.py, resnet.py; dis_models/snresnet_64.py, snresnet.py).

Shapes: N images, L the length of z, K classes, D features, C, H, W an image.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_kernels import NormAct
from ganbench_resnet import ResNetOptions
from ganbench_resnet.blocks import DiscriminatorBlock, FirstBlock, GeneratorBlock, Norm, glorot
from ganbench_resnet.class_loss import ClassLoss
from ganbench_resnet.spectral_norm import normalise_spectrum
from ganbench_spaces.images import square_images

_LARGEST_FLAT = 32
_LARGEST_TO_2 = 64
"""Up to here a pyramid of the discriminator goes down to 2x2 or 3x3."""
_MOST_CHANNELS = 16
"""Times the width: where a pyramid stops doubling."""
_PLAIN_BLOCKS = 2
"""Blocks of the flat discriminator that keep the resolution."""


def used_classes(options: ResNetOptions, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0."""
    return 0 if options.conditional is False else context.num_classes


def is_flat(options: ResNetOptions, resolution: int) -> bool:
    """Return whether every feature map has the same channels."""
    return resolution <= _LARGEST_FLAT if options.shape is None else options.shape == "flat"


def generator_plan(options: ResNetOptions, resolution: int) -> tuple[int, list[int]]:
    """Return the resolution of the first feature map, and the channels of it and of each block's output."""
    base = 6 if resolution % 3 == 0 else 4
    blocks = int(math.log2(resolution // base))
    if is_flat(options, resolution):
        return base, [options.generator_width or 256] * (blocks + 1)
    width = options.generator_width or 64
    return base, [min(width * 2**level, width * _MOST_CHANNELS) for level in range(blocks, -1, -1)]


def discriminator_plan(options: ResNetOptions, resolution: int) -> tuple[list[int], list[bool]]:
    """Return the channels of each block's output, and which blocks halve the resolution.

    Flat: down to 8x8, at least twice, then two more blocks. Pyramid: down to 2x2 or 3x3, above 64x64 to 4x4 or 6x6, and one more block
    where the map is larger than 2x2.
    """
    if is_flat(options, resolution):
        halvings = max(2, int(math.log2(resolution)) - 3)
        downs = [True] * halvings + [False] * _PLAIN_BLOCKS
        return [options.discriminator_width or 128] * len(downs), downs
    width = options.discriminator_width or 64
    halvings = int(math.log2(resolution)) - (1 if resolution <= _LARGEST_TO_2 else 2)
    downs = [True] * halvings + [False] * (resolution >> halvings > 2)
    return [min(width * 2**level, width * _MOST_CHANNELS) for level in range(len(downs))], downs


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: ResNetOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        self.base, widths = generator_plan(options, images.resolution)
        num_classes = used_classes(options, context)
        self.input = nn.Linear(options.latent_dim, widths[0] * self.base**2)
        self.blocks = nn.ModuleList(GeneratorBlock(before, after, num_classes) for before, after in pairwise(widths))
        self.norm = NormAct(widths[-1], negative_slope=0.0)
        self.output = nn.Conv2d(widths[-1], images.channels, 3, padding=1)
        glorot(self.input)
        glorot(self.output)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        h: Tensor = self.input(latents).unflatten(1, (-1, self.base, self.base))
        for block in self.blocks:
            h = block(h, labels)
        return torch.tanh(self.output(self.norm(h)))


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to a judgement: logits ``[N]``, the features under its last layer and, as in AC-GAN, class logits."""

    def __init__(self, options: ResNetOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        self.pooling = options.pooling
        widths, downs = discriminator_plan(options, images.resolution)
        norm: Norm = options.discriminator_norm
        layers: list[nn.Module] = [FirstBlock(images.channels * context.packing, widths[0])]
        for (before, after), down in zip(pairwise(widths), downs[1:], strict=True):
            layers.append(DiscriminatorBlock(before, after, downsample=down, norm=norm))
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], 1, bias=options.head_bias)
        glorot(self.head)
        self._add_label_head(options, used_classes(options, context), widths[-1])
        if options.spectral_norm:
            normalise_spectrum(self)

    def _add_label_head(self, options: ResNetOptions, num_classes: int, num_features: int) -> None:
        """Add what looks at labels, if anything does."""
        self.projection = self.classifier = None
        if num_classes and options.label_head == "projection":
            self.projection = nn.Embedding(num_classes, num_features)
            glorot(self.projection)
        elif num_classes:
            self.classifier = nn.Linear(num_features, num_classes)
            glorot(self.classifier)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return the judgement."""
        h = F.relu(self.blocks(images))  # [N, D, h, w]
        wide = torch.promote_types(h.dtype, torch.float32)
        features = h.sum((2, 3), dtype=wide) if self.pooling == "sum" else h.mean((2, 3), dtype=wide)  # [N, D]
        logits: Tensor = self.head(features).flatten()
        if self.projection is not None:
            logits = logits + (self.projection(labels) * features).sum(1)
        return Judgement(logits, None if self.classifier is None else self.classifier(features), features)


def build(options: ResNetOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    conditional = used_classes(options, context) > 0
    classifies = conditional and options.label_head == "classifier"
    return Networks(
        modules={"generator": Generator(options, context), "discriminator": Discriminator(options, context)},
        inputs=Latents(options.latent_dim, labels=conditional),
        terms=(ClassLoss(options.class_weight, options.generator_class_weight),) if classifies else (),
    )

"""SAGAN's networks (Zhang et al. 2019, https://arxiv.org/abs/1805.08318): SNGAN's residual blocks with one self-attention in each network.

At 128x128 they are those of brain-research/self-attention-gan @ad9612e (generator_test, discriminator_test): spectral norm in both, plain
tables of gains and biases by class, attention at 32x32, projection of summed features. At 32x32 with ``normalised_tables`` they are those
of POSTECH-CVLab/PyTorch-StudioGAN models/resnet.py with CIFAR10/SAGAN.yaml, whose log counts 4,386,308 and 1,075,586 parameters.
The blocks and the attention are BigGAN's, which took them over.

Shapes: N images, L the length of z, K classes, C, H, W an image.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_biggan.attention import SelfAttention
from ganbench_biggan.blocks import DiscriminatorBlock, GeneratorBlock
from ganbench_biggan.channels import Stage
from ganbench_biggan.conditioning import Conditioning, make_norm
from ganbench_biggan.preparation import Preparation
from ganbench_kernels import NormAct
from ganbench_sagan import SAGANOptions
from ganbench_sagan.channels import discriminator_stages, generator_stages
from ganbench_spaces.images import square_images

LARGEST_ATTENTION = 32
"""Resolution of the attended maps in the article; an attention map has a quarter of its fourth power in entries."""


def used_classes(options: SAGANOptions, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0; a pack of images has no label."""
    unwanted = options.conditional is False or (options.conditional is None and context.packing > 1)
    return 0 if unwanted else context.num_classes


def attended_resolution(options: SAGANOptions, context: BuildContext) -> int:
    """Return the size of the feature maps that get self-attention, 0 for none."""
    if options.attention_resolution is not None:
        return options.attention_resolution
    return min(square_images(context.space).resolution // 2, LARGEST_ATTENTION)


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: SAGANOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        stages = generator_stages(images.resolution, options.generator_width)
        self.num_classes = used_classes(options, context)
        prepare = Preparation(options.initialisation, options.generator_spectral_norm)
        norm = partial(
            make_norm,
            conditioning=Conditioning(num_classes=self.num_classes),
            prepare=prepare,
            prepare_table=prepare if options.normalised_tables else zeros,
            eps=options.norm_eps,
        )
        self.linear = prepare(nn.Linear(options.latent_dim, stages[0].before * 4 * 4))
        self.blocks = nn.ModuleList(GeneratorBlock(stage, norm, prepare) for stage in stages)
        self.attention = attention_of(stages, attended_resolution(options, context), prepare)
        self.norm = NormAct(stages[-1].after, options.norm_eps, negative_slope=0.0)
        self.conv = prepare(nn.Conv2d(stages[-1].after, images.channels, 3, padding=1))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        x = self.linear(latents).reshape(latents.shape[0], -1, 4, 4)
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(x, labels))
        return torch.tanh(self.conv(self.norm(x)))


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits: a linear term and a projection (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637)."""

    def __init__(self, options: SAGANOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        stages = discriminator_stages(images.resolution, options.discriminator_width, images.channels * context.packing)
        prepare = Preparation(options.initialisation, options.discriminator_spectral_norm)
        self.blocks = nn.ModuleList(DiscriminatorBlock(stage, level == 0, prepare) for level, stage in enumerate(stages))
        self.attention = attention_of(stages, attended_resolution(options, context), prepare)
        self.linear = prepare(nn.Linear(stages[-1].after, 1))
        num_classes = used_classes(options, context)
        self.embedding = prepare(nn.Embedding(num_classes, stages[-1].after)) if num_classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return logits and the features that they are made of."""
        x = images
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(x))
        features = F.relu(x).sum(dim=(2, 3))
        logits: Tensor = self.linear(features).squeeze(1)
        if self.embedding is not None:
            assert labels is not None
            logits = logits + (self.embedding(labels) * features).sum(dim=1)
        return Judgement(logits, features=features)


def zeros(table: nn.Embedding) -> nn.Embedding:
    """Begin with gains of 1, which a norm adds, and biases of 0."""
    nn.init.zeros_(table.weight)
    return table


def attention_of(stages: list[Stage], wanted: int, prepare: Preparation) -> nn.ModuleList:
    """Return what follows each block: self-attention behind the first one of the wanted resolution, nothing behind the others.

    Raises:
        ValueError: no block ends at that resolution.
    """
    resolutions = [stage.resolution for stage in stages]
    if wanted and wanted not in resolutions:
        allowed = ", ".join(map(str, sorted({0, *resolutions})))
        raise ValueError(f"attention_resolution must be one of {allowed} (got {wanted})")
    attended = resolutions.index(wanted) if wanted else None
    return nn.ModuleList(SelfAttention(s.after, prepare) if level == attended else nn.Identity() for level, s in enumerate(stages))


def build(options: SAGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset, or attention where there is no such map.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    return Networks(
        modules={"generator": Generator(options, context), "discriminator": Discriminator(options, context)},
        inputs=Latents(options.latent_dim, labels=used_classes(options, context) > 0),
    )

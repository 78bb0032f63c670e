"""SAGAN's networks (Zhang et al. 2019, https://arxiv.org/abs/1805.08318): SNGAN's residual blocks with one self-attention in each network.

At 128x128 they are those of brain-research/self-attention-gan @ad9612e (generator_test, discriminator_test): spectral norm in both, plain
tables of gains and biases by class, attention at 32x32, projection of summed features. At 32x32 with ``normalised_tables`` they are those
of POSTECH-CVLab/PyTorch-StudioGAN models/resnet.py with CIFAR10/SAGAN.yaml, whose log counts 4,386,308 and 1,075,586 parameters.
The blocks, the attention and the discriminator are BigGAN's, which took them over.

Shapes: N images, L the length of z, K classes, C, H, W an image.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_biggan.blocks import GeneratorBlock
from ganbench_biggan.channels import discriminator_stages, generator_stages
from ganbench_biggan.conditioning import Conditioning, make_norm
from ganbench_biggan.networks import Discriminator, attention_of, used_classes
from ganbench_biggan.preparation import Preparation
from ganbench_kernels import NormAct
from ganbench_sagan import SAGANOptions
from ganbench_sagan.channels import DISCRIMINATOR, GENERATOR
from ganbench_spaces.images import square_images

LARGEST_ATTENTION = 32
"""Resolution of the attended maps in the article; an attention map has a quarter of its fourth power in entries."""


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
        stages = generator_stages(images.resolution, options.generator_width, GENERATOR)
        prepare = Preparation(options.initialisation, options.generator_spectral_norm)
        norm = partial(
            make_norm,
            conditioning=Conditioning(num_classes=used_classes(options.conditional, context)),
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


def zeros(table: nn.Embedding) -> nn.Embedding:
    """Begin with gains of 1, which a norm adds, and biases of 0."""
    nn.init.zeros_(table.weight)
    return table


def build(options: SAGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset, or attention where there is no such map.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    images, num_classes = square_images(context.space), used_classes(options.conditional, context)
    generator = Generator(options, context)
    discriminator = Discriminator(
        discriminator_stages(images.resolution, options.discriminator_width, images.channels * context.packing, DISCRIMINATOR),
        num_classes=num_classes,
        attended=attended_resolution(options, context),
        prepare=Preparation(options.initialisation, options.discriminator_spectral_norm),
    )
    return Networks(
        modules={"generator": generator, "discriminator": discriminator}, inputs=Latents(options.latent_dim, labels=num_classes > 0)
    )

"""BigGAN's networks (Brock et al. 2019, https://arxiv.org/abs/1809.11096), as ajbrock/BigGAN-PyTorch BigGAN.py has them.

With the article's options (width 96, 128x128, 1000 classes) they have google/compare_gan's 70,433,988 and 87,982,370 parameters; the 158.3
million of the article's table 1 leave out the shared embedding. Without labels there is no class embedding and no projection: hierarchical
latents then condition the batch norms alone, and without these the norms are plain.

Shapes: N images, L the length of z, K classes, C, H, W an image.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_biggan import BigGANOptions
from ganbench_biggan.attention import SelfAttention
from ganbench_biggan.blocks import DiscriminatorBlock, GeneratorBlock
from ganbench_biggan.channels import Stage, discriminator_stages, generator_stages
from ganbench_biggan.conditioning import Conditioning, make_norm
from ganbench_biggan.orthogonal import OrthogonalRegularisation, weights_of
from ganbench_biggan.preparation import Preparation
from ganbench_kernels import NormAct
from ganbench_spaces.images import square_images


def used_classes(conditional: bool | None, context: BuildContext) -> int:
    """Return K where networks with this option use labels, else 0; a pack of images has no label."""
    unwanted = conditional is False or (conditional is None and context.packing > 1)
    return 0 if unwanted else context.num_classes


def attended_resolution(options: BigGANOptions, context: BuildContext) -> int:
    """Return the size of the feature maps that get self-attention, 0 for none."""
    return square_images(context.space).resolution // 2 if options.attention_resolution is None else options.attention_resolution


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: BigGANOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        stages = generator_stages(images.resolution, options.generator_width)
        self.num_classes, self.hierarchical = used_classes(options.conditional, context), options.hierarchical
        self.parts = len(stages) + 1 if options.hierarchical else 1
        part = options.latent_dim // self.parts
        shared_dim = options.shared_dim if self.num_classes else 0
        prepare = Preparation(options.initialisation, options.generator_spectral_norm)
        conditioning = Conditioning(
            dim=shared_dim + (part if options.hierarchical else 0), num_classes=0 if shared_dim else self.num_classes
        )
        norm = partial(make_norm, conditioning=conditioning, prepare=prepare, prepare_table=prepare.table, eps=options.norm_eps)
        self.shared = prepare.table(nn.Embedding(self.num_classes, shared_dim)) if shared_dim else None
        self.linear = prepare(nn.Linear(part, stages[0].before * 4 * 4))
        self.blocks = nn.ModuleList(GeneratorBlock(stage, norm, prepare) for stage in stages)
        self.attention = attention_of(stages, attended_resolution(options, context), prepare)
        self.norm = NormAct(stages[-1].after, options.norm_eps, negative_slope=0.0)
        self.conv = prepare(nn.Conv2d(stages[-1].after, images.channels, 3, padding=1))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        first, *rest = latents.chunk(self.parts, dim=1)
        conditions = self._conditions(rest, labels)
        x = self.linear(first).reshape(latents.shape[0], -1, 4, 4)  # len would fix the size of a batch in an exported program
        for block, attention, condition in zip(self.blocks, self.attention, conditions, strict=True):
            x = attention(block(x, condition))
        return torch.tanh(self.conv(self.norm(x)))

    def _conditions(self, parts: list[Tensor], labels: Tensor | None) -> list[Tensor | None]:
        """Return what the norms of each block are given."""
        labels = labels if self.num_classes else None
        known = labels if self.shared is None or labels is None else self.shared(labels)
        if not self.hierarchical:
            return [known] * len(self.blocks)
        return [part if known is None else torch.cat([known, part], dim=1) for part in parts]


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits: a linear term and a projection (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).

    Args:
        stages: its blocks, from the image down.
        num_classes: K, or 0 for a network that is told no label.
        attended: resolution of the feature maps that get self-attention, 0 for none.
        prepare: initialises and normalises every layer.
    """

    def __init__(self, stages: list[Stage], *, num_classes: int, attended: int, prepare: Preparation) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(DiscriminatorBlock(stage, level == 0, prepare) for level, stage in enumerate(stages))
        self.attention = attention_of(stages, attended, prepare)
        self.linear = prepare(nn.Linear(stages[-1].after, 1))
        self.embedding = prepare(nn.Embedding(num_classes, stages[-1].after)) if num_classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return logits and the features that they are made of."""
        x = images
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(x))
        features = F.relu(x).sum(dim=(2, 3))  # summed, not averaged, as in SNGAN
        logits: Tensor = self.linear(features).squeeze(1)
        if self.embedding is not None:
            assert labels is not None
            logits = logits + (self.embedding(labels) * features).sum(dim=1)
        return Judgement(logits, features=features)


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


def check(options: BigGANOptions, context: BuildContext) -> None:
    """Refuse what does not go together.

    Raises:
        ValueError: see the messages.
    """
    images = square_images(context.space)
    classes, parts = used_classes(options.conditional, context), len(generator_stages(images.resolution, 1)) + 1
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    if options.hierarchical and options.latent_dim % parts:
        raise ValueError(
            f"latent_dim must be a multiple of {parts} at {images.resolution}x{images.resolution} with hierarchical latents"
            f" (got {options.latent_dim})"
        )
    if options.hierarchical and classes and options.shared_dim == 0:
        raise ValueError("shared_dim must be 1 or more with hierarchical latents and labels (got 0): tables by label take no latents")


def regularise(network: nn.Module, role: str, beta: float) -> nn.Module | None:
    """Return the generator's orthogonal regularisation; the shared embedding is left out, as in the source."""
    if role != "generator":
        return None
    assert isinstance(network, Generator)
    return OrthogonalRegularisation(weights_of(network, without=network.shared), beta)


def build(options: BigGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: options that do not go together, or not with this dataset.
    """
    check(options, context)
    images, num_classes = square_images(context.space), used_classes(options.conditional, context)
    generator = Generator(options, context)
    discriminator = Discriminator(
        discriminator_stages(images.resolution, options.discriminator_width, images.channels * context.packing),
        num_classes=num_classes,
        attended=attended_resolution(options, context),
        prepare=Preparation(options.initialisation, options.discriminator_spectral_norm),
    )
    return Networks(
        modules={"generator": generator, "discriminator": discriminator},
        inputs=Latents(options.latent_dim, labels=num_classes > 0),
        weight_terms=(partial(regularise, beta=options.orthogonal_weight),) if options.orthogonal_weight else (),
    )

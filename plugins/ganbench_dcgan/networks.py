"""DCGAN's networks (Radford et al. 2016, https://arxiv.org/abs/1511.06434).

At 64x64 with the defaults they are pytorch/examples' dcgan/main.py: the same layers, order, initialisation and parameter counts (3,576,704
and 2,765,568 for three channels). Other resolutions add or drop levels. Channels stop doubling at 16 times the width.

Shapes: N images, L the length of z, K classes, D features, C, H, W an image.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_dcgan import DCGANOptions
from ganbench_dcgan.minibatch_discrimination import MinibatchDiscrimination
from ganbench_dcgan.virtual_norm import DropReference, Referenced, VirtualNorm
from ganbench_kernels import ConvBiasAct, NormAct
from ganbench_spaces.images import square_images


def channel_widths(resolution: int, base_resolution: int, width: int) -> list[int]:
    """Return the channels of the feature maps from half the resolution down to the base: 64, 128, 256, 512 for 64 and 4."""
    levels = int(math.log2(resolution // base_resolution))
    return [min(width * 2**level, 16 * width) for level in range(levels)]


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """Return ``[N, K]``. torch's own function looks at the labels on the host first, and a step must not wait for that."""
    return (labels[:, None] == torch.arange(num_classes, device=labels.device)).to(dtype)


def used_classes(options: DCGANOptions, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0; a pack of images has no label."""
    unwanted = options.conditional is False or (options.conditional is None and context.packing > 1)
    return 0 if unwanted else context.num_classes


def _normalised(channels: int, kind: str, negative_slope: float) -> list[nn.Module]:
    """Return a norm with an activation behind it."""
    if kind == "batch":
        return [NormAct(channels, negative_slope=negative_slope)]
    return [VirtualNorm(channels), nn.LeakyReLU(negative_slope, inplace=True) if negative_slope else nn.ReLU(inplace=True)]


def _first_layers(inputs: int, channels: int, options: DCGANOptions) -> list[nn.Module]:
    """Return the layers that make the first feature map of ``[N, inputs, 1, 1]``."""
    base, kind = options.base_resolution, options.generator_norm
    layers: list[nn.Module] = [nn.ConvTranspose2d(inputs, channels, base, bias=False)]
    if options.first_norm == "channel":
        return [*layers, *_normalised(channels, kind, 0.0)]
    size = channels * base * base
    return [*layers, nn.Flatten(), *_normalised(size, kind, 0.0), nn.Unflatten(1, (channels, base, base))]


def _doubling(before: int, after: int, options: DCGANOptions) -> nn.ConvTranspose2d:
    """Return a transposed convolution that doubles the resolution."""
    kernel = options.generator_kernel
    return nn.ConvTranspose2d(before, after, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2, bias=False)


class Generator(Referenced):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: DCGANOptions, context: BuildContext) -> None:
        images = square_images(context.space)
        virtual = options.generator_norm == "virtual"
        super().__init__(virtual)
        self.num_classes = used_classes(options, context)
        widths = channel_widths(images.resolution, options.base_resolution, options.generator_width)[::-1]
        layers = _first_layers(options.latent_dim + self.num_classes, widths[0], options)
        for before, after in pairwise(widths):
            layers += [_doubling(before, after, options), *_normalised(after, options.generator_norm, 0.0)]
        if virtual:
            layers.append(DropReference())
        layers += [_doubling(widths[-1], images.channels, options), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        latents, labels = self.with_reference(latents, labels)
        if self.num_classes:
            assert labels is not None
            latents = torch.cat([latents, one_hot(labels, self.num_classes, latents.dtype)], dim=1)
        images: Tensor = self.layers(latents[:, :, None, None])
        return images


def _strided(before: int, after: int, options: DCGANOptions, *, norm: bool) -> list[nn.Module]:
    """Return a convolution that halves the resolution, its activation, and its normalisation where the options put that."""
    kernel, bias, kind = options.discriminator_kernel, options.head == "linear", options.discriminator_norm
    padding = (kernel - 1) // 2
    if norm and not options.norm_after_activation:
        return [nn.Conv2d(before, after, kernel, stride=2, padding=padding, bias=bias), *_normalised(after, kind, 0.2)]
    activated = ConvBiasAct(before, after, kernel, stride=2, padding=padding, bias=bias, negative_slope=0.2)
    if not norm:
        return [activated]
    return [activated, nn.BatchNorm2d(after) if kind == "batch" else VirtualNorm(after)]


class Discriminator(Referenced):
    """``[N, C, H, W]`` images to a judgement: logits ``[N]``, and the features ``[N, D]`` that its last layer sees."""

    def __init__(self, options: DCGANOptions, context: BuildContext) -> None:
        images = square_images(context.space)
        virtual = options.discriminator_norm == "virtual"
        super().__init__(virtual)
        self.num_classes = used_classes(options, context)
        base = options.discriminator_base_resolution or options.base_resolution
        widths = channel_widths(images.resolution, base, options.discriminator_width)
        channels = [images.channels * context.packing + self.num_classes, *widths]
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(zip(channels, widths, strict=False)):
            layers += _strided(before, after, options, norm=level > 0 and options.discriminator_norm != "none")
        if virtual:
            layers.append(DropReference())
        size, kernels = widths[-1] * base * base, options.minibatch_discrimination
        if options.head == "linear":
            layers.append(nn.Flatten())
        if kernels:
            layers.append(MinibatchDiscrimination(size, kernels, options.minibatch_discrimination_dim))
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(widths[-1], 1, base, bias=False) if options.head == "conv" else nn.Linear(size + kernels, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return the judgement."""
        images, labels = self.with_reference(images, labels)
        if self.num_classes:
            assert labels is not None
            planes = one_hot(labels, self.num_classes, images.dtype)[:, :, None, None]
            images = torch.cat([images, planes.expand(-1, -1, *images.shape[2:])], dim=1)
        seen: Tensor = self.layers(images)
        # A last feature map is flattened pixel by pixel, which is no copy where channels lie last, as they do by default.
        features = seen if seen.dim() == 2 else seen.permute(0, 2, 3, 1).flatten(1)
        return Judgement(self.head(seen).flatten(), features=features)


def initialise(module: nn.Module) -> None:
    """Convolutions and linear layers from N(0, 0.02), gains of norms from N(1, 0.02), biases 0 (section 4)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, (nn.BatchNorm2d, VirtualNorm)):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def build(options: DCGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    generator, discriminator = Generator(options, context), Discriminator(options, context)
    generator.apply(initialise)
    discriminator.apply(initialise)
    return Networks(
        modules={"generator": generator, "discriminator": discriminator},
        inputs=Latents(options.latent_dim, options.latents, labels=used_classes(options, context) > 0),
    )

"""R3GAN's networks (Huang et al. 2024, https://arxiv.org/abs/2501.05441, section 4).

Written from the article and from the sizes of brownvc/R3GAN @19a7ddf, whose code has no licence; their numbers of parameters are those of
its presets: 20,781,952 and 21,280,512 on CIFAR-10 with labels, 23.058 and 23.010 million on FFHQ at 256x256.

There is no norm anywhere. A residual branch ends in a convolution that starts at zero, so that a new network adds nothing to what it
resamples; its other weights begin with the variance that keeps leaky ReLU's scale, times L^(-1/4) in their deviation for L blocks in the
network (Zhang et al. 2019, https://arxiv.org/abs/1901.09321). Biases stand behind convolutions with an activation alone.

Shapes: N images, L the length of z, K classes, D features, C, H, W an image or a feature map.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_kernels import ConvBiasAct, Downsample2d, Upsample2d
from ganbench_r3gan import R3GANOptions
from ganbench_spaces.images import square_images

SLOPE = 0.2
"""Of leaky ReLU."""
ACTIVATION_GAIN = math.sqrt(2 / (1 + SLOPE**2))
FIRST_RESOLUTION = 4


def used_classes(options: R3GANOptions, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0."""
    return 0 if options.conditional is False else context.num_classes


def widths_of(options: R3GANOptions, resolution: int) -> list[int]:
    """Return the channels at each resolution from 4x4 up.

    Raises:
        ValueError: a width cannot be halved so often, or not be grouped.
    """
    widths = []
    for size in (FIRST_RESOLUTION << level for level in range(int(math.log2(resolution // FIRST_RESOLUTION)) + 1)):
        width, rest = divmod(options.width, max(size // options.full_width_resolution, 1))
        if rest or not width or width * options.expansion % options.group_channels:
            channels = f"{options.width / max(size // options.full_width_resolution, 1):g}"
            raise ValueError(
                f"width must give whole groups of {options.group_channels} at every resolution"
                f" (got {options.width}: {channels} channels at {size}x{size}, times expansion {options.expansion})"
            )
        widths.append(width)
    return widths


def scaled_normal(weight: Tensor, fan_in: int, gain: float = 1.0) -> None:
    """Initialise a weight from N(0, gain^2 / fan_in)."""
    nn.init.normal_(weight, 0.0, gain / math.sqrt(fan_in))


def conv1x1(before: int, after: int) -> nn.Conv2d:
    """Return a 1x1 convolution without a bias, which keeps the variance."""
    layer = nn.Conv2d(before, after, 1, bias=False)
    scaled_normal(layer.weight, before)
    return layer


class ResidualBlock(nn.Module):
    """1x1, bias and leaky ReLU, grouped 3x3, bias and leaky ReLU, 1x1, beside the identity; the identity at first.

    Args:
        channels: C.
        options: expansion and groups.
        num_blocks: of the whole network, by which the variance is scaled.
    """

    def __init__(self, channels: int, options: R3GANOptions, num_blocks: int) -> None:
        super().__init__()
        inner, gain = channels * options.expansion, ACTIVATION_GAIN * num_blocks ** (-1 / 4)
        groups = inner // options.group_channels
        self.widen = ConvBiasAct(channels, inner, 1, negative_slope=SLOPE)
        self.mix = ConvBiasAct(inner, inner, 3, padding=1, groups=groups, negative_slope=SLOPE)
        self.narrow = nn.Conv2d(inner, channels, 1, bias=False)
        for layer in (self.widen, self.mix):
            scaled_normal(layer.weight, layer.weight[0].numel(), gain)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C, H, W]``."""
        y: Tensor = x + self.narrow(self.mix(self.widen(x)))
        return y


class Stages(nn.Module):
    """What happens at each resolution, one after the other; the coarsest in fp32 whatever the run's precision.

    Args:
        stages: in the order in which they are called.
        exact: of each, whether it is one of those in fp32.
    """

    def __init__(self, stages: list[nn.Module], exact: list[bool]) -> None:
        super().__init__()
        self.stages, self.exact = nn.ModuleList(stages), exact

    def forward(self, x: Tensor) -> Tensor:
        """Return the last feature map."""
        for stage, exact in zip(self.stages, self.exact, strict=True):
            if exact and torch.is_autocast_enabled(x.device.type):
                with torch.autocast(x.device.type, enabled=False):
                    x = stage(x.float())
            else:
                x = stage(x)
        return x


def exact_stages(options: R3GANOptions, number: int) -> list[bool]:
    """Return, from 4x4 up, which stages stay in fp32."""
    return [level < options.fp32_stages for level in range(number)]


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images, about in [-1, 1]: there is no tanh."""

    def __init__(self, options: R3GANOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        widths, num_classes = widths_of(options, images.resolution), used_classes(options, context)
        length, num_blocks = options.latent_dim, options.blocks * len(widths)
        self.embedding = nn.Embedding(num_classes, options.latent_dim) if num_classes else None
        if self.embedding is not None:
            scaled_normal(self.embedding.weight, num_classes)
            length += options.latent_dim
        self.basis = nn.Parameter(torch.randn(widths[0], FIRST_RESOLUTION, FIRST_RESOLUTION))
        self.scale = nn.Linear(length, widths[0], bias=False)
        scaled_normal(self.scale.weight, length)
        stages: list[nn.Module] = []
        for before, after in pairwise([0, *widths]):
            enter = [] if not before else [*([conv1x1(before, after)] if before != after else []), Upsample2d()]
            stages.append(nn.Sequential(*enter, *(ResidualBlock(after, options, num_blocks) for _ in range(options.blocks))))
        self.main = Stages(stages, exact_stages(options, len(stages)))
        self.output = conv1x1(widths[-1], images.channels)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        if self.embedding is not None:
            assert labels is not None
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        x = self.scale(latents)[:, :, None, None] * self.basis  # [N, C, 4, 4]
        images: Tensor = self.output(self.main(x))
        return images


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits: the generator's mirror; with labels an inner product with their embedding."""

    def __init__(self, options: R3GANOptions, context: BuildContext) -> None:
        super().__init__()
        images = square_images(context.space)
        widths, num_classes = widths_of(options, images.resolution), used_classes(options, context)
        num_blocks, features = options.blocks * len(widths), widths[0]
        self.input = conv1x1(images.channels, widths[-1])
        stages: list[nn.Module] = []
        for before, after in pairwise([*reversed(widths), 0]):
            leave = [] if not after else [Downsample2d(), *([conv1x1(before, after)] if before != after else [])]
            stages.append(nn.Sequential(*(ResidualBlock(before, options, num_blocks) for _ in range(options.blocks)), *leave))
        self.main = Stages(stages, exact_stages(options, len(stages))[::-1])
        self.basis = nn.Conv2d(features, features, FIRST_RESOLUTION, groups=features, bias=False)
        scaled_normal(self.basis.weight, FIRST_RESOLUTION**2)
        self.head = nn.Linear(features, features if num_classes else 1, bias=False)
        scaled_normal(self.head.weight, features)
        self.embedding = nn.Embedding(num_classes, features) if num_classes else None
        if self.embedding is not None:
            scaled_normal(self.embedding.weight, num_classes, 1 / math.sqrt(features))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return logits and the features ``[N, D]`` that they are made of."""
        x = self.main(self.input(images))
        with torch.autocast(x.device.type, enabled=False):
            features = self.basis(x.float()).flatten(1)
            said: Tensor = self.head(features)
            if self.embedding is not None:
                assert labels is not None
                said = (said * self.embedding(labels)).sum(dim=1, keepdim=True)
        return Judgement(said.squeeze(1), features=features)


def build(options: R3GANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset, or a width that does not go with the resolution.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    return Networks(
        modules={"generator": Generator(options, context), "discriminator": Discriminator(options, context)},
        inputs=Latents(options.latent_dim, labels=used_classes(options, context) > 0),
    )

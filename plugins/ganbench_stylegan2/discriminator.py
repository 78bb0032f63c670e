"""StyleGAN2's discriminator (Karras et al. 2020, https://arxiv.org/abs/1912.04958, figure 7), with StyleGAN2-ADA's projection of labels.

Shapes: N images, C, H, W an image or a feature map, D features, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Judgement
from ganbench_kernels import Downsample2d, minibatch_stddev
from ganbench_spaces.images import square_images
from ganbench_stylegan2 import StyleGAN2Options
from ganbench_stylegan2.generator import FIRST_RESOLUTION, channels_at, sizes_to, stays_exact, used_classes
from ganbench_stylegan2.layers import Conv, Dense
from ganbench_stylegan2.mapping import Mapping

LABEL_LAYERS = 8
LABEL_RATE = 0.01


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second of which halves the size; beside them a shortcut, or the image once more.

    Args:
        options: kind, sizes and the clamp.
        size: height and width of the map that comes in.
        channels: C of the image.
        first: whether the map is made here, from the image.
        exact: whether it stays in float32 whatever the run's precision.
    """

    def __init__(self, options: StyleGAN2Options, size: int, channels: int, *, first: bool, exact: bool) -> None:
        super().__init__()
        before, after, clamp = channels_at(options, size), channels_at(options, size // 2), options.clamp
        residual, again = options.discriminator_kind == "resnet", options.discriminator_kind == "skip"
        self.from_image = Conv(channels, before, 1, clamp=clamp) if first or again else None
        gain = math.sqrt(0.5) if residual else 1.0
        self.first = Conv(before, before, 3, clamp=clamp)
        self.second = Conv(before, after, 3, halved=True, gain=gain, clamp=clamp)
        self.shortcut = Conv(before, after, 1, halved=True, active=False, gain=gain) if residual else None
        self.reduce = Downsample2d() if again else None
        self.exact = exact

    def forward(self, x: Tensor | None, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map and the image at half the size; the image only where it is seen again."""
        device = images.device.type
        if self.exact and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self._at_this_resolution(None if x is None else x.float(), images)
        return self._at_this_resolution(x, images)

    def _at_this_resolution(self, x: Tensor | None, images: Tensor) -> tuple[Tensor, Tensor]:
        if self.from_image is not None:
            seen = self.from_image(images)
            x = seen if x is None else x + seen
        if self.reduce is not None:
            images = self.reduce(images)
        y = self.second(self.first(x))
        return (y if self.shortcut is None else self.shortcut(x) + y), images


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits; with labels an inner product with what they are mapped to."""

    def __init__(self, options: StyleGAN2Options, context: BuildContext) -> None:
        super().__init__()
        space, classes = square_images(context.space), used_classes(options, context)
        channels, sizes, clamp = space.channels, sizes_to(space.resolution), options.clamp
        features = channels_at(options, FIRST_RESOLUTION)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(options, size, channels, first=size == sizes[-1], exact=stays_exact(options, level, len(sizes)))
            for level, size in reversed(list(enumerate(sizes)))
            if size > FIRST_RESOLUTION
        )
        self.stddev_group = options.stddev_group
        self.from_image = Conv(channels, features, 1, clamp=clamp) if options.discriminator_kind == "skip" else None
        self.last = Conv(features + (self.stddev_group > 0), features, 3, clamp=clamp)
        self.dense = Dense(features * FIRST_RESOLUTION**2, features, active=True)
        self.head = Dense(features, features if classes else 1)
        self.mapping = Mapping(0, features, classes, LABEL_LAYERS, LABEL_RATE) if classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return logits and the features ``[N, D]`` that they are made of."""
        x: Tensor | None = None
        for block in self.blocks:
            x, images = block(x, images)
        assert x is not None
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            if self.from_image is not None:
                x = x + self.from_image(images.float())
            if self.stddev_group:
                x = minibatch_stddev(x, group_size=self.stddev_group)
            features = self.dense(self.last(x).flatten(1))
            said = self.head(features)
            if self.mapping is not None:
                said = (said * self.mapping(None, labels)).sum(dim=1, keepdim=True) / math.sqrt(said.shape[1])
        return Judgement(said.squeeze(1), features=features)

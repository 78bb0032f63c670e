"""StyleGAN2's generator (Karras et al. 2020, https://arxiv.org/abs/1912.04958, figure 2d and figure 7).

Shapes: N images, L the length of z and w, M the layers that a style goes to, C, H, W an image.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext
from ganbench_kernels import Upsample2d
from ganbench_spaces.images import square_images
from ganbench_stylegan2 import StyleGAN2Options
from ganbench_stylegan2.layers import StyledConv, ToImage
from ganbench_stylegan2.mapping import Mapping

FIRST_RESOLUTION = 4


def sizes_to(resolution: int) -> list[int]:
    """Return 4, 8, ... up to a resolution."""
    return [FIRST_RESOLUTION << level for level in range(resolution.bit_length() - FIRST_RESOLUTION.bit_length() + 1)]


def channels_at(options: StyleGAN2Options, size: int) -> int:
    """Return the channels of a feature map.

    Raises:
        ValueError: there would be none.
    """
    channels = min(options.channel_base // size, options.max_channels)
    if channels < 1:
        raise ValueError(f"channel_base must be {size} or more for images of {size}x{size} (got {options.channel_base})")
    return channels


def stays_exact(options: StyleGAN2Options, level: int, num_levels: int) -> bool:
    """Whether a resolution, counted from 4x4, is in float32 whatever the run's precision; 4x4 always is."""
    return level < max(num_levels - options.bf16_stages, 1)


def used_classes(options: StyleGAN2Options, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0."""
    return 0 if options.conditional is False else context.num_classes


class SynthesisBlock(nn.Module):
    """All that happens at one resolution: two styled convolutions, or one at 4x4, and what is added to the image.

    Args:
        options: sizes and the clamp.
        before: channels of the map that comes in; 0 for the first block, whose map is a constant.
        size: height and width of the map that goes out.
        channels: C.
        paints: whether it adds to the image.
        exact: whether it stays in float32 whatever the run's precision.
    """

    def __init__(self, options: StyleGAN2Options, before: int, size: int, channels: int, *, paints: bool, exact: bool) -> None:
        super().__init__()
        after, style_dim, clamp = channels_at(options, size), options.latent_dim, options.clamp
        self.basis = None if before else nn.Parameter(torch.randn(after, size, size))
        entry = [StyledConv(before, after, style_dim, size, doubled=True, clamp=clamp)] if before else []
        self.layers = nn.ModuleList([*entry, StyledConv(after, after, style_dim, size, doubled=False, clamp=clamp)])
        self.to_image = ToImage(after, channels, style_dim, clamp=clamp) if paints else None
        self.enlarge = Upsample2d() if before else None
        self.exact = exact

    def forward(self, x: Tensor | None, images: Tensor | None, styles: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the map and the image so far; ``styles`` are ``[N, layers + 1, L]``, the last for the image."""
        device = styles.device.type
        if self.exact and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self._at_this_resolution(None if x is None else x.float(), images, styles)
        return self._at_this_resolution(x, images, styles)

    def _at_this_resolution(self, x: Tensor | None, images: Tensor | None, styles: Tensor) -> tuple[Tensor, Tensor | None]:
        if x is None:
            assert self.basis is not None
            x = self.basis.expand(styles.shape[0], -1, -1, -1)  # len() would fix the batch of an exported program
        for layer, w in zip(self.layers, styles.unbind(dim=1), strict=False):
            x = layer(x, w)
        if images is not None and self.enlarge is not None:
            images = self.enlarge(images)
        if self.to_image is not None:
            painted = self.to_image(x, styles[:, -1])
            images = painted if images is None else images + painted
        assert x is not None
        return x, images


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images, about in [-1, 1]: there is no tanh."""

    def __init__(self, options: StyleGAN2Options, context: BuildContext) -> None:
        super().__init__()
        space = square_images(context.space)
        sizes, classes = sizes_to(space.resolution), used_classes(options, context)
        self.mapping = Mapping(options.latent_dim, options.latent_dim, classes, options.mapping_layers, options.mapping_rate)
        widths = [0, *(channels_at(options, size) for size in sizes)]
        self.blocks = nn.ModuleList(
            SynthesisBlock(
                options,
                before,
                size,
                space.channels,
                paints=options.generator_kind == "skip" or size == sizes[-1],
                exact=stays_exact(options, level, len(sizes)),
            )
            for level, (size, (before, _)) in enumerate(zip(sizes, pairwise(widths), strict=True))
        )
        self.num_layers = 2 * len(sizes)
        """M: the convolutions, and the last step to the image."""
        self.mean_style: Tensor
        """``[L]``, the mean w."""
        self.register_buffer("mean_style", torch.zeros(options.latent_dim))
        self._decay, self._truncation = options.mean_style_decay, options.truncation

    def styles(self, latents: Tensor, labels: Tensor | None, other: Tensor | None = None, first_layers: Tensor | None = None) -> Tensor:
        """Return ``[N, M, L]``; while it is trained, the mean w moves.

        Args:
            latents: ``[N, L]``.
            labels: ``[N]`` int64, or None.
            other: ``[N, L]``, of the layers behind the first ones; None for one style in all.
            first_layers: a scalar, how many keep the first.
        """
        w: Tensor = self.mapping(latents, labels)
        if self.training:
            with torch.no_grad():
                self.mean_style.lerp_(w.detach().mean(dim=0), 1 - self._decay)
        elif self._truncation != 1:
            w = torch.lerp(self.mean_style, w, self._truncation)
        styles = w[:, None].expand(-1, self.num_layers, -1)
        if other is not None:
            assert first_layers is not None
            keeps = torch.arange(self.num_layers, device=w.device) < first_layers
            styles = torch.where(keeps[None, :, None], styles, self.mapping(other, labels)[:, None])
        return styles

    def synthesis(self, styles: Tensor) -> Tensor:
        """Return the images of ``[N, M, L]`` styles."""
        x: Tensor | None = None
        images: Tensor | None = None
        first = 0
        for block in self.blocks:
            assert isinstance(block, SynthesisBlock)
            count = len(block.layers)
            x, images = block(x, images, styles[:, first : first + count + 1])  # the image's style is the next block's first
            first += count
        assert images is not None
        return images

    def forward(
        self, latents: Tensor, labels: Tensor | None = None, other: Tensor | None = None, first_layers: Tensor | None = None
    ) -> Tensor:
        """Return images."""
        return self.synthesis(self.styles(latents, labels, other, first_layers))

"""A small GAN whose generator enlarges by nearest neighbour and convolves, instead of transposing a convolution.

Odena et al. 2016, https://doi.org/10.23915/distill.00003: a transposed convolution may overlap unevenly and draws checkerboards; a resize
that is followed by a convolution cannot. The discriminator has no normalisation, so that losses which take gradients by sample may be
used with it.

Shapes: N images, L the length of z, C, H = W an image.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_example import ResizeOptions
from ganbench_spaces.images import square_images


def feature_widths(resolution: int, width: int) -> tuple[int, list[int]]:
    """Return the smallest feature map's size and the channels at each size, largest first: 16 gives 4 and ``[w, 2w, 4w]``.

    Raises:
        ValueError: halving does not lead to a small feature map.
    """
    base, widths = resolution, [width]
    while base % 2 == 0 and base > 7:
        base //= 2
        widths.append(min(2 * widths[-1], 8 * width))
    if not 2 <= base <= 7:
        raise ValueError(f"resolution must be 2 to 7 times a power of two (got {resolution}); try 16, 28, 32, 48 or 64")
    return base, widths


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: ResizeOptions, resolution: int, image_channels: int) -> None:
        super().__init__()
        base, widths = feature_widths(resolution, options.width)
        widths = widths[::-1]
        layers: list[nn.Module] = [
            nn.Linear(options.latent_dim, widths[0] * base * base, bias=False),
            nn.Unflatten(1, (widths[0], base, base)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for before, after in pairwise(widths):
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            layers += [nn.Upsample(scale_factor=2), convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], image_channels, 3, padding=1), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images; labels are not used."""
        images: Tensor = self.layers(latents)
        return images


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits."""

    def __init__(self, options: ResizeOptions, resolution: int, image_channels: int) -> None:
        super().__init__()
        base, widths = feature_widths(resolution, options.width)
        layers: list[nn.Module] = [nn.Conv2d(image_channels, widths[0], 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * base * base, 1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits; labels are not used."""
        logits: Tensor = self.layers(images)[:, 0]
        return logits


def build(options: ResizeOptions, context: BuildContext) -> Networks:
    """Build both networks, with torch's own initialisation."""
    images = square_images(context.space)
    generator = Generator(options, images.resolution, images.channels)
    discriminator = Discriminator(options, images.resolution, images.channels)
    return Networks(modules={"generator": generator, "discriminator": discriminator}, inputs=Latents(options.latent_dim))

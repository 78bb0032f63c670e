"""f-AnoGAN's networks (Schlegl et al. 2019, https://doi.org/10.1016/j.media.2019.01.010): WGAN-GP's residual networks and an encoder.

As tSchlegl/f-AnoGAN has them at 64x64: four residual blocks each, batch norm in the generator and in the encoder, layer norm in the
discriminator, nearest-neighbour and mean-pool resampling. Other resolutions add or drop blocks. A sample's score is the squared error of
what the generator makes of its code, and that of the discriminator's features (izi_f).

Shapes: N images, C channels, H, W height and width, L the length of z, D features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganbench import BuildContext, Latents, Networks
from ganbench_detection.discriminator import FeatureDiscriminator
from ganbench_detection.options import FAnoGANOptions
from ganbench_spaces.images import square_images

_BASE = 4
_MOST = 8
"""Feature maps are at most so many times as wide as at the full resolution."""
Norm = Callable[[int], nn.Module]
batch_norm: Norm = nn.BatchNorm2d
layer_norm: Norm = partial(nn.GroupNorm, 1)  # over channels and pixels of one image, with a scale and a shift for each channel


def channel_widths(resolution: int, width: int) -> list[int]:
    """Return the channels from the full resolution down to 4x4: 64, 128, 256, 512, 512 for 64 and 64."""
    return [width * min(2**level, _MOST) for level in range(int(math.log2(resolution // _BASE)) + 1)]


class Block(nn.Module):
    """A residual block that doubles the resolution, or halves it."""

    def __init__(self, before: int, after: int, norm: Norm, *, up: bool) -> None:
        super().__init__()
        self.up = up
        middle = after if up else before
        self.shortcut = nn.Conv2d(before, after, 1)
        self.first_norm, self.first = norm(before), nn.Conv2d(before, middle, 3, padding=1, bias=False)
        self.second_norm, self.second = norm(middle), nn.Conv2d(middle, after, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``[N, after, 2 H, 2 W]``, or half of H and W."""
        hidden = relu(self.first_norm(features))
        if self.up:
            hidden = relu(self.second_norm(self.first(interpolate(hidden, scale_factor=2.0))))
            doubled: Tensor = self.shortcut(interpolate(features, scale_factor=2.0)) + self.second(hidden)
            return doubled
        halved: Tensor = self.shortcut(avg_pool2d(features, 2)) + avg_pool2d(self.second(relu(self.second_norm(self.first(hidden)))), 2)
        return halved


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, channels: int, widths: list[int], latent_dim: int) -> None:
        super().__init__()
        wide = widths[::-1]
        self.input = nn.Linear(latent_dim, wide[0] * _BASE**2)
        blocks = [Block(before, after, batch_norm, up=True) for before, after in pairwise(wide)]
        self.layers = nn.Sequential(*blocks, nn.BatchNorm2d(wide[-1]), nn.ReLU(), nn.Conv2d(wide[-1], channels, 3, padding=1), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        images: Tensor = self.layers(self.input(latents).unflatten(1, (-1, _BASE, _BASE)))
        return images


def _body(channels: int, widths: list[int], norm: Norm) -> nn.Sequential:
    """Return residual blocks from images to features ``[N, 16 * widths[-1]]``."""
    blocks = [Block(before, after, norm, up=False) for before, after in pairwise(widths)]
    return nn.Sequential(nn.Conv2d(channels, widths[0], 3, padding=1), *blocks, nn.Flatten())


class Discriminator(FeatureDiscriminator):
    """``[N, C, H, W]`` images to ``[N]`` logits, each of its own image alone."""

    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__(_body(channels, widths, layer_norm), nn.Linear(widths[-1] * _BASE**2, 1))


class Encoder(nn.Module):
    """``[N, C, H, W]`` images to ``[N, L]`` latents."""

    def __init__(self, channels: int, widths: list[int], latent_dim: int) -> None:
        super().__init__()
        self.body, self.last = _body(channels, widths, batch_norm), nn.Linear(widths[-1] * _BASE**2, latent_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Return latents."""
        latents: Tensor = self.last(self.body(images))
        return latents


def initialise(module: nn.Module) -> None:
    """Weights uniform with Glorot's variance, twice that in 3x3 convolutions; biases 0."""
    if isinstance(module, nn.Linear):
        variance = 2 / (module.in_features + module.out_features)
    elif isinstance(module, nn.Conv2d):
        taps = math.prod(module.kernel_size)
        variance = (4 if taps > 1 else 2) / (taps * (module.in_channels + module.out_channels))
    else:
        return
    bound = math.sqrt(3 * variance)
    nn.init.uniform_(module.weight, -bound, bound)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def distance(modules: Mapping[str, nn.Module], images: Tensor, feature_weight: float) -> Tensor:
    """Return how far each image is from what the generator makes of its code, ``[N]`` float32."""
    discriminator = modules["discriminator"]
    assert isinstance(discriminator, Discriminator)
    again = modules["generator"](modules["encoder"](images), None)
    of_pixels: Tensor = (again.float() - images).square().flatten(1).mean(1)
    if not feature_weight:
        return of_pixels
    of_features = (discriminator.features(again).float() - discriminator.features(images).float()).square().mean(1)
    return of_pixels + feature_weight * of_features


def score(options: FAnoGANOptions, modules: Mapping[str, nn.Module], images: Tensor) -> Tensor:
    """Return the distance by pixels and features, ``[N]``."""
    return distance(modules, images, options.feature_weight)


def build(options: FAnoGANOptions, context: BuildContext) -> Networks:
    """Build the three networks."""
    images = square_images(context.space)
    widths = channel_widths(images.resolution, options.width)
    modules: dict[str, nn.Module] = {
        "generator": Generator(images.channels, widths, options.latent_dim),
        "discriminator": Discriminator(images.channels, widths),
        "encoder": Encoder(images.channels, widths, options.latent_dim),
    }
    for module in modules.values():
        module.apply(initialise)
    return Networks(modules=modules, inputs=Latents(options.latent_dim), scorers={"anomaly": partial(score, options)})

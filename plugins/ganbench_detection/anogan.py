"""AnoGAN (Schlegl et al. 2017, https://arxiv.org/abs/1703.05921): a GAN of normal images, and for each image a search for its latents.

The networks are those of houssamzenati/Efficient-GAN-Anomaly-Detection, gan/mnist_utilities.py, and so is the schedule of the search. Its
loss is the article's: sums of absolute differences of pixels and of the discriminator's features. Every search begins from one draw of
latents, takes a fixed number of Adam's steps, and looks at one image alone: neither the batch nor the moment changes a score.

Shapes: N images, C channels, H, W height and width, L the length of z, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_detection.discriminator import FeatureDiscriminator
from ganbench_detection.options import AnoGANOptions
from ganbench_spaces.images import images_of

_HALVINGS = 4
"""By how much two strided convolutions shorten a side."""
_SLOPE = 0.1


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: AnoGANOptions, size: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = size
        base = (2 * options.width, height // _HALVINGS, width // _HALVINGS)
        count = base[0] * base[1] * base[2]
        self.layers = nn.Sequential(
            nn.Linear(options.latent_dim, options.hidden),
            nn.BatchNorm1d(options.hidden),
            nn.ReLU(),
            nn.Linear(options.hidden, count),
            nn.BatchNorm1d(count),
            nn.ReLU(),
            nn.Unflatten(1, base),
            nn.ConvTranspose2d(base[0], options.width, 4, 2, 1),
            nn.BatchNorm2d(options.width),
            nn.ReLU(),
            nn.ConvTranspose2d(options.width, channels, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images."""
        images: Tensor = self.layers(latents)
        return images


class Discriminator(FeatureDiscriminator):
    """``[N, C, H, W]`` images to ``[N]`` logits, by features ``[N, D]``."""

    def __init__(self, options: AnoGANOptions, size: tuple[int, int, int]) -> None:
        channels, height, width = size
        body = nn.Sequential(
            nn.Conv2d(channels, options.width, 4, 2, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(options.width, options.width, 4, 2, 1),
            nn.BatchNorm2d(options.width),
            nn.LeakyReLU(_SLOPE),
            nn.Flatten(),
            nn.Linear(options.width * (height // _HALVINGS) * (width // _HALVINGS), options.hidden),
            nn.BatchNorm1d(options.hidden),
            nn.LeakyReLU(_SLOPE),
        )
        super().__init__(body, nn.Linear(options.hidden, 1))


def initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02), biases 0; batch norms begin as torch's do."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def distance(modules: Mapping[str, nn.Module], latents: Tensor, images: Tensor, features: Tensor, weight: float) -> Tensor:
    """Return how far each image is from what the generator makes of latents (equations 2 to 4), ``[N]``."""
    discriminator = modules["discriminator"]
    assert isinstance(discriminator, Discriminator)
    made = modules["generator"](latents, None)
    residual: Tensor = (made - images).abs().flatten(1).sum(1)
    feature: Tensor = (discriminator.features(made) - features).abs().sum(1)
    return (1 - weight) * residual + weight * feature


def search(modules: Mapping[str, nn.Module], images: Tensor, options: AnoGANOptions) -> tuple[Tensor, Tensor]:
    """Return the latents ``[N, L]`` that the search ends with, and their distances ``[N]``.

    Args:
        modules: both networks, in evaluation mode.
        images: ``[N, C, H, W]`` in [-1, 1].
        options: steps, rate, seed and weight.
    """
    with torch.inference_mode(False), torch.enable_grad():
        wanted = images.detach().clone()  # a copy that gradients may pass, of images that were made in inference mode
        discriminator = modules["discriminator"]
        assert isinstance(discriminator, Discriminator)
        with torch.no_grad():
            features = discriminator.features(wanted)
        random = torch.Generator().manual_seed(options.search_seed)
        first = torch.randn(1, options.latent_dim, generator=random).to(wanted.device)
        latents = first.repeat(len(wanted), 1).requires_grad_(True)
        optimizer = torch.optim.Adam([latents], lr=options.search_rate)
        for step in range(options.search_steps):
            done = step / options.search_steps
            optimizer.param_groups[0]["lr"] = options.search_rate * (1.0 if done < 0.4 else 0.1 if done < 0.6 else 0.05)
            loss = distance(modules, latents, wanted, features, options.feature_weight).sum()  # a sum: each image has its own gradient
            (latents.grad,) = torch.autograd.grad(loss, [latents])
            optimizer.step()
        with torch.no_grad():
            return latents.detach(), distance(modules, latents, wanted, features, options.feature_weight)


def score(options: AnoGANOptions, modules: Mapping[str, nn.Module], images: Tensor) -> Tensor:
    """Return the distance of each image at the end of its search, ``[N]``."""
    return search(modules, images, options)[1]


def build(options: AnoGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: a side that is no multiple of 4.
    """
    images = images_of(context.space)
    if images.height % _HALVINGS or images.width % _HALVINGS:
        raise ValueError(f"anogan needs images whose sides are multiples of {_HALVINGS} (got {images.height}x{images.width})")
    generator, discriminator = Generator(options, images.size), Discriminator(options, images.size)
    for module in (generator, discriminator):
        module.apply(initialise)
    modules: dict[str, nn.Module] = {"generator": generator, "discriminator": discriminator}
    return Networks(
        modules=modules,
        inputs=Latents(options.latent_dim),
        averaged=("generator", "discriminator"),
        scorers={"anomaly": partial(score, options)},
    )

"""VAE-GAN's networks (Larsen et al. 2016, https://arxiv.org/abs/1512.09300): an encoder, a decoder and a discriminator of convolutions.

The layers are those of andersbll/autoencoding_beyond_pixels, architectures.py, for 64x64 images; another size keeps its three halvings. The
discriminator returns logits and no sigmoid. Biases begin at zero, as there, and weights as PyTorch draws them: the source's filler is its
framework's.

Shapes: N images, C channels, S height and width, L the length of a code, F the features of the discriminator.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganbench import BuildContext, ConfigError, Latents, Networks
from ganbench_autoencoders.options import VAEGANOptions
from ganbench_spaces.images import square_images

_HALVINGS = 3
_KERNEL, _MARGIN = 5, 2


def _halved(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, _KERNEL, 2, _MARGIN, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def _doubled(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(inputs, outputs, _KERNEL, 2, _MARGIN, output_padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def _full(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]


class Encoder(nn.Module):
    """Images to the mean of each code and the logarithm of its standard deviation."""

    def __init__(self, channels: int, base: int, options: VAEGANOptions) -> None:
        super().__init__()
        width, hidden = options.width, options.encoder_hidden
        self.layers = nn.Sequential(
            *_halved(channels, width),
            *_halved(width, 2 * width),
            *_halved(2 * width, 4 * width),
            nn.Flatten(),
            *_full(4 * width * base**2, hidden),
        )
        self.mean, self.log_std = nn.Linear(hidden, options.latent_dim), nn.Linear(hidden, options.latent_dim)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return both ``[N, L]``."""
        hidden = self.layers(images)
        return self.mean(hidden), self.log_std(hidden)


class Discriminator(nn.Module):
    """Images to logits, by the features that reconstructions are compared in."""

    def __init__(self, channels: int, base: int, options: VAEGANOptions) -> None:
        super().__init__()
        width = options.width
        first = [nn.Conv2d(channels, width // 2, _KERNEL, 1, _MARGIN), nn.ReLU()]
        last, *rest = _halved(4 * width, 4 * width)
        self.features = nn.Sequential(*first, *_halved(width // 2, 2 * width), *_halved(2 * width, 4 * width), last)
        hidden = options.discriminator_hidden
        self.head = nn.Sequential(*rest, nn.Flatten(), *_full(4 * width * base**2, hidden), nn.Linear(hidden, 1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits ``[N]``."""
        logits: Tensor = self.head(self.features(images))
        return logits.squeeze(1)


def score_reconstruction(modules: Mapping[str, nn.Module], samples: Tensor) -> Tensor:
    """Return the mean squared error of each sample's reconstruction from the mean of its code, ``[N]``, of levels in [0, 1]."""
    mean, _ = modules["encoder"](samples)
    return (modules["decoder"](mean).float() - samples.float()).flatten(1).square().mean(1) / 4


def build_vae_gan(options: VAEGANOptions, context: BuildContext) -> Networks:
    """Build the three networks.

    Raises:
        ConfigError: images whose height and width cannot be halved three times.
    """
    space = square_images(context.space)
    channels, size = space.channels, space.resolution
    base, rest = divmod(size, 2**_HALVINGS)
    if rest:
        what = f"vae-gan cannot be built for {size}x{size} images"
        raise ConfigError(what, hint=f"choose a multiple of 8: -o dataset.resolution={8 * base or 8}")
    width = options.width
    decoder = nn.Sequential(
        *_full(options.latent_dim, 4 * width * base**2),
        nn.Unflatten(1, (4 * width, base, base)),
        *_doubled(4 * width, 4 * width),
        *_doubled(4 * width, 2 * width),
        *_doubled(2 * width, width // 2),
        nn.Conv2d(width // 2, channels, _KERNEL, 1, _MARGIN),
        nn.Tanh(),
    )

    def generate(modules: Mapping[str, nn.Module], latents: Tensor, labels: Tensor | None) -> Tensor:
        images: Tensor = modules["decoder"](latents)
        return images

    modules: dict[str, nn.Module] = {
        "encoder": Encoder(channels, base, options),
        "decoder": decoder,
        "discriminator": Discriminator(channels, base, options),
    }
    for layer in (layer for module in modules.values() for layer in module.modules()):
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return Networks(
        modules=modules,
        inputs=Latents(options.latent_dim),
        averaged=("decoder",),
        generate=generate,
        scorers={"anomaly": score_reconstruction},
    )


class ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a number."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: Tensor, factor: float) -> Tensor:
        """Return the values."""
        ctx.factor = factor  # type: ignore[attr-defined]
        return values.view_as(values)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """Return the gradient, multiplied."""
        return gradient * ctx.factor, None  # type: ignore[attr-defined]

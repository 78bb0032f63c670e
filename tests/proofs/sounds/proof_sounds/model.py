"""A small WaveGAN (Donahue et al. 2019, https://arxiv.org/abs/1802.04208).

Shapes: N sounds, L the length of z, T samples of a sound, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from proof_sounds import WaveOptions

LATENT_DIM = 16


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, 1, T]`` in [-1, 1]."""

    def __init__(self, width: int, length: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Embedding(num_classes, LATENT_DIM) if num_classes else None
        layers: list[nn.Module] = [nn.Linear(LATENT_DIM, 4 * width * length // 64), nn.Unflatten(1, (4 * width, length // 64))]
        for before, after in ((4 * width, 2 * width), (2 * width, width), (width, 1)):
            layers += [nn.ReLU(), nn.ConvTranspose1d(before, after, 24, stride=4, padding=10)]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return sounds."""
        sounds: Tensor = self.layers(latents if self.classes is None else latents + self.classes(labels))
        return sounds


class Discriminator(nn.Module):
    """``[N, 1, T]`` to ``[N]`` logits, by projection where there are classes."""

    def __init__(self, width: int, length: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv1d(before, after, 24, stride=4, padding=10), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        features = 4 * width * length // 64
        self.head, self.classes = nn.Linear(features, 1), nn.Embedding(num_classes, features) if num_classes else None

    def forward(self, sounds: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits."""
        features = self.layers(sounds)
        logits: Tensor = self.head(features)[:, 0]
        return logits if self.classes is None else logits + (self.classes(labels) * features).mean(1)


def build(options: WaveOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    (_, length), num_classes = context.space.size, context.num_classes if options.conditional else 0
    if length % 64:
        raise ValueError(f"the length must be a multiple of 64 (got {length})")
    modules = {
        "generator": Generator(options.width, length, num_classes),
        "discriminator": Discriminator(options.width, length, num_classes),
    }
    return Networks(modules=modules, inputs=Latents(LATENT_DIM, labels=num_classes > 0))

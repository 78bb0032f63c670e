"""A GAN without batch norm, whose discriminator has torch's own spectral norm, as an author outside writes one."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganbench import BuildContext, Latents, Networks


class Generator(nn.Module):
    """Latents ``[N, 8]`` to points ``[N, 2]``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return points."""
        points: Tensor = self.layers(latents)
        return points


class Discriminator(nn.Module):
    """Points ``[N, 2]`` to logits ``[N]``."""

    def __init__(self) -> None:
        super().__init__()
        linear = (spectral_norm(nn.Linear(before, after)) for before, after in ((2, 32), (32, 32), (32, 1)))
        first, second, last = linear
        self.layers = nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)

    def forward(self, points: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.layers(points)
        return logits[:, 0]


def build(options: Any, context: BuildContext) -> Networks:
    """Build both."""
    return Networks(modules={"generator": Generator(), "discriminator": Discriminator()}, inputs=Latents(8))

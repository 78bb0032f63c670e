"""Transposed convolutions from a quarter of the height and the width, and convolutions back."""

from __future__ import annotations

from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks, NoOptions


class Generator(nn.Sequential):
    """Latents to images."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        up = (nn.ConvTranspose2d(16, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, channels, 4, 2, 1), nn.Tanh())
        super().__init__(nn.Linear(8, height * width), nn.ReLU(), nn.Unflatten(1, (16, height // 4, width // 4)), *up)

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return ``[N, C, H, W]``."""
        images: Tensor = super().forward(latents)
        return images


class Discriminator(nn.Sequential):
    """Images to logits."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        down = (nn.Conv2d(channels, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 16, 4, 2, 1), nn.LeakyReLU(0.2))
        super().__init__(*down, nn.Flatten(), nn.Linear(height * width, 1), nn.Flatten(0))

    def forward(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return ``[N]``."""
        logits: Tensor = super().forward(images)
        return logits


def build(options: NoOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    channels, height, width = context.space.size
    modules = {"generator": Generator(channels, height, width), "discriminator": Discriminator(channels, height, width)}
    return Networks(modules=modules, inputs=Latents(8))

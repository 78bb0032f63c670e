"""A GAN of clips, a small VGAN without its background (Vondrick et al. 2016, https://arxiv.org/abs/1609.02612).

Shapes: N clips, L the length of z, C channels, T frames, H, W height and width.
"""

from __future__ import annotations

from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from proof_clips import ClipOptions

LATENT_DIM = 16


class Generator(nn.Sequential):
    """``[N, L]`` latents to ``[N, C, T, H, W]`` in [-1, 1]."""

    def __init__(self, width: int, channels: int, sizes: tuple[int, ...]) -> None:
        half = [size // 2 for size in sizes]
        start = [nn.Linear(LATENT_DIM, 2 * width * half[0] * half[1] * half[2]), nn.Unflatten(1, (2 * width, *half))]
        grow = [nn.BatchNorm3d(2 * width), nn.ReLU(), nn.ConvTranspose3d(2 * width, width, 4, stride=2, padding=1)]
        super().__init__(*start, *grow, nn.BatchNorm3d(width), nn.ReLU(), nn.Conv3d(width, channels, 3, padding=1), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return clips."""
        clips: Tensor = super().forward(latents)
        return clips


class Discriminator(nn.Sequential):
    """``[N, C, T, H, W]`` to ``[N]`` logits."""

    def __init__(self, width: int, channels: int, sizes: tuple[int, ...]) -> None:
        features = 2 * width * (sizes[0] // 2) * (sizes[1] // 2) * (sizes[2] // 2)
        halve = [nn.Conv3d(channels, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv3d(width, 2 * width, 4, stride=2, padding=1)]
        super().__init__(*halve, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(features, 1))

    def forward(self, clips: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = super().forward(clips)
        return logits[:, 0]


def build(options: ClipOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    channels, *sizes = context.space.size
    if any(size % 2 for size in sizes):
        raise ValueError(f"frames, height and width must be even (got {sizes})")
    modules = {kind.__name__.lower(): kind(options.width, channels, tuple(sizes)) for kind in (Generator, Discriminator)}
    return Networks(modules=modules, inputs=Latents(LATENT_DIM))

"""A GAN of rows: numbers come out linear, the category as a softmax.

Shapes: N rows, L the length of z, A numbers of a row, K categories.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from proof_rows import RowOptions
from proof_rows.people import RowSpace

LATENT_DIM = 8


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, A + K]``."""

    def __init__(self, width: int, numbers: int, categories: int) -> None:
        super().__init__()
        self.numbers = numbers
        hidden = [nn.Linear(LATENT_DIM, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.layers = nn.Sequential(*hidden, nn.Linear(width, numbers + categories))

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return rows."""
        rows = self.layers(latents)
        return torch.cat([rows[:, : self.numbers], rows[:, self.numbers :].softmax(1)], dim=1)


class Discriminator(nn.Sequential):
    """``[N, A + K]`` to ``[N]`` logits."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__(nn.Linear(size, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1))

    def forward(self, rows: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = super().forward(rows)
        return logits[:, 0]


def build(options: RowOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    space = context.space
    assert isinstance(space, RowSpace)
    generator = Generator(options.width, len(space.means), len(space.categories))
    modules = {"generator": generator, "discriminator": Discriminator(options.width, space.size[0])}
    return Networks(modules=modules, inputs=Latents(LATENT_DIM))

"""A tiny GAN of points that trains on when a file is gone, and notes each process that has begun to train it."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ganbench import BuildContext, Latents, Networks


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What it waits for, and where it notes."""

    hold: str = "-"
    """It trains while this file is not there."""
    notes: str = ""
    """Folder for a file named by the process that trains."""


class Generator(nn.Module):
    """One layer, and patience."""

    def __init__(self, context: BuildContext, options: Options) -> None:
        super().__init__()
        self.space, self.options = context.space, options
        self.layer = nn.Linear(4, math.prod(self.space.size))

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Return points as soon as nothing holds it."""
        if self.training and self.options.notes:
            Path(self.options.notes, str(os.getpid())).touch()
        while self.training and Path(self.options.hold).exists():
            time.sleep(0.02)
        return torch.tanh(self.layer(latents)).view(-1, *self.space.size)


class Discriminator(nn.Module):
    """One layer."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.layer = nn.Linear(math.prod(context.space.size), 1)

    def forward(self, points: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Return one logit for each point."""
        return self.layer(points.flatten(1)).squeeze(1)


def build(options: Options, context: BuildContext) -> Networks:
    """Return the networks."""
    return Networks(modules={"generator": Generator(context, options), "discriminator": Discriminator(context)}, inputs=Latents(4))


build.Options = Options  # type: ignore[attr-defined]

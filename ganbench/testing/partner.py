"""The smallest GAN that any space can have: a linear generator and a discriminator of one hidden layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks

_LATENT_DIM = 4
_WIDTH = 8


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, *size]`` samples in [-1, 1]."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(_LATENT_DIM, math.prod(size)), nn.Tanh(), nn.Unflatten(1, size))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return samples; labels are not used."""
        samples: Tensor = self.layers(latents)
        return samples


class Discriminator(nn.Module):
    """``[N, *size]`` samples to ``[N]`` logits."""

    def __init__(self, size: tuple[int, ...], packing: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(packing * math.prod(size), _WIDTH), nn.LeakyReLU(0.2), nn.Linear(_WIDTH, 1))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits; labels are not used."""
        logits: Tensor = self.layers(samples.to(torch.float32))[:, 0]
        return logits


def build(options: object, context: BuildContext) -> Networks:
    """Build both networks."""
    return _networks(context, labels=False)


def build_with_labels(options: object, context: BuildContext) -> Networks:
    """Build both networks, which are given the labels of a dataset with classes."""
    return _networks(context, labels=context.num_classes > 0)


def _networks(context: BuildContext, *, labels: bool) -> Networks:
    size = context.space.size
    modules = {"generator": Generator(size), "discriminator": Discriminator(size, context.packing)}
    return Networks(modules=modules, inputs=Latents(_LATENT_DIM, labels=labels))

"""What an architecture plugin's factory returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """A generator and a discriminator, initialised by their factory.

    ``generator(latents [N, latent_dim] float32, labels [N] int64 | None) -> images [N, C, H, W] in [-1, 1]``;
    ``discriminator(images, labels | None) -> logits [N]`` or ``[N, ...]`` for patches, without a sigmoid.
    """

    generator: nn.Module
    discriminator: nn.Module
    latent_dim: int
    """Length of z."""
    conditional: bool = False
    """Whether both networks want labels."""
    extra: Mapping[str, nn.Module] = field(default_factory=dict)
    """Further networks, for an algorithm of the plugin's own."""

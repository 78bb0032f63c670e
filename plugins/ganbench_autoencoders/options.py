"""The options of the autoencoders; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once


@dataclass(frozen=True, kw_only=True, slots=True)
class VAEOptions(Settings):
    """Options of ``vae``; the defaults are those of pytorch/examples."""

    latent_dim: int = setting(20, least=1)
    """Length of z."""
    width: int = setting(400, least=1)
    """Units of the hidden layer of the encoder and of the decoder."""
    pixels: Literal["grey", "static"] = "grey"
    """What is encoded and reconstructed: levels from 0 to 1 as they are, or 1 for a level of more than a half and else 0, the same at
    every epoch. The two are different data sets: bounds of one say nothing of the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VAEGANOptions(Settings):
    """Options of ``vae-gan``; the defaults are those of the source for CelebA at 64x64."""

    latent_dim: int = setting(128, least=1)
    """Length of a code."""
    width: int = setting(64, least=2)
    """Channels of the encoder's first layer; the others are two and four times as many, and half."""
    encoder_hidden: int = setting(1024, least=1)
    """Units of the encoder's last hidden layer."""
    discriminator_hidden: int = setting(512, least=1)
    """Units of the discriminator's."""
    reconstruction_share: float = setting(1e-5, above=0, below=1)
    """Weight of the reconstruction for the decoder; the rest is that of what the discriminator gains."""
    real_weight: float = setting(0.66, above=0, below=1)
    """Weight of images for the discriminator; the rest is that of decoded ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundTableOptions(Settings):
    """Options of the reproduction ``vae-elbo``."""

    latents: tuple[int, ...] = (2, 10, 20)
    """The rows: sizes of the latents."""
    of: Literal["digits", "fashion-mnist"] = "digits"
    """The dataset, at 16x16."""
    kimg: float = setting(200.0, above=0)
    """Thousands of images that each is trained on."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("latents", self.latents)
        if min(self.latents) < 1:
            raise ValueError(f"latents must be 1 or more (got {min(self.latents)})")

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

"""SAGAN (Zhang et al. 2019, https://arxiv.org/abs/1805.08318): residual networks with self-attention and spectral norm in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Settings, both_optimizers, hookimpl, setting

PAPER = "Zhang et al. 2019, https://arxiv.org/abs/1805.08318"
RESOLUTIONS = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True, slots=True)
class SAGANOptions(Settings):
    """Options of both networks; the defaults are its authors' at any resolution."""

    latent_dim: int = setting(128, least=1)
    """Length of z, drawn from N(0, 1)."""
    generator_width: int = setting(64, least=1)
    """Channel unit of the generator: a feature map has 1 to 16 times as many, by resolution; 4 times up to 32x32."""
    discriminator_width: int = setting(64, least=1)
    """Channel unit of the discriminator, in the same way; 2 times up to 32x32."""
    conditional: bool | None = None
    """Use labels: they set the gains and biases of the generator's batch norms and project the discriminator's features; unset: where
    there are any."""
    attention_resolution: int | None = setting(None, least=0)
    """Feature maps of this size get self-attention in both networks; 0 for none, unset for half the image's, at most 32."""
    generator_spectral_norm: bool = True
    """Spectral normalisation of the generator's convolutions and of its first layer."""
    discriminator_spectral_norm: bool = True
    """Spectral normalisation of the whole discriminator."""
    normalised_tables: bool = False
    """Spectral normalisation of the tables of gains and biases too, as PyTorch-StudioGAN has it; without, gains start at 1, biases at 0."""
    initialisation: Literal["xavier", "orthogonal"] = "xavier"
    """How weights begin: Glorot's uniform distribution (the authors), or orthogonal (PyTorch-StudioGAN). Biases are 0."""
    norm_eps: float = setting(1e-5, above=0)
    """Added to the variance in batch norm."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.normalised_tables and not self.generator_spectral_norm:
            raise ValueError("normalised_tables must be false without generator_spectral_norm (got true)")


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    from ganbench_sagan.recipes import recipes

    return [_architecture(), *recipes()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="sagan",
        summary="SAGAN from 16x16 to 512x512: self-attention, spectral norm in both networks, conditional batch norm, projection",
        factory="ganbench_sagan.networks:build",
        options=SAGANOptions,
        paper=PAPER,
        sources=("ganbench_biggan", "ganbench_resnet"),
        spaces=("images",),
        resolutions=RESOLUTIONS,
        conditional=True,
        packing=True,
        defaults=(
            ("loss.name", "hinge"),
            *both_optimizers(beta1=0.0),
            ("generator_optimizer.learning_rate", 1e-4),
            ("discriminator_optimizer.learning_rate", 4e-4),
        ),
    )

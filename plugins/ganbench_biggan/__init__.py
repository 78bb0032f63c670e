"""BigGAN (Brock et al. 2019, https://arxiv.org/abs/1809.11096) from 16x16 to 512x512, and two published CIFAR-10 recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Settings, both_optimizers, hookimpl, setting

PAPER = "Brock et al. 2019, https://arxiv.org/abs/1809.11096"
RESOLUTIONS = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True, slots=True)
class BigGANOptions(Settings):
    """Options of both networks; the defaults are the article's networks at two thirds of its width."""

    latent_dim: int = setting(120, least=1)
    """Length of z; with hierarchical latents a multiple of the generator's blocks and one more (4 at 32x32, 6 at 128x128)."""
    generator_width: int = setting(64, least=1)
    """Channel unit of the generator (the article's ch): a feature map has 1 to 16 times as many, by resolution."""
    discriminator_width: int = setting(64, least=1)
    """Channel unit of the discriminator, in the same way."""
    conditional: bool | None = None
    """Use labels: they set the gains and biases of the generator's batch norms and project the discriminator's features; unset: where
    there are any."""
    shared_dim: int = setting(128, least=0)
    """Length of the class embedding that all batch norms share; 0 gives each a table of its own. Without labels there is none."""
    hierarchical: bool = True
    """Split z: one part makes the first feature map, the others enter the batch norms, one for each block."""
    attention_resolution: int | None = setting(None, least=0)
    """Feature maps of this size get self-attention (Zhang et al. 2019) in both networks; 0 for none, unset for half the image's."""
    generator_spectral_norm: bool = True
    """Spectral normalisation of the generator; the shared embedding is always without."""
    discriminator_spectral_norm: bool = True
    """Spectral normalisation of the discriminator."""
    initialisation: Literal["orthogonal", "normal", "xavier"] = "orthogonal"
    """How all weights begin: orthogonal (the article), N(0, 0.02), or Glorot's uniform distribution. Biases are 0."""
    norm_eps: float = 1e-5
    """Added to the variance in batch norm."""
    orthogonal_weight: float = setting(0.0, least=0)
    """Orthogonal regularisation of the generator (the article's beta, 1e-4 there); 0 for none."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.norm_eps > 0:
            raise ValueError(f"norm_eps must be more than 0 (got {self.norm_eps})")


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    from ganbench_biggan.recipes import biggan_cifar, biggan_cifar_studiogan

    return [_architecture(), biggan_cifar(), biggan_cifar_studiogan()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="biggan",
        summary="BigGAN from 16x16 to 512x512: conditional batch norm, hierarchical latents, self-attention, projection",
        factory="ganbench_biggan.networks:build",
        options=BigGANOptions,
        paper=PAPER,
        sources=("ganbench_resnet",),
        spaces=("images",),
        resolutions=RESOLUTIONS,
        conditional=True,
        packing=True,
        defaults=(("loss.name", "hinge"), *both_optimizers(beta1=0.0)),
    )

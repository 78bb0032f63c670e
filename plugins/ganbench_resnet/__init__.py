"""The residual networks of WGAN-GP, SNGAN and projection cGAN as one architecture, and four published recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Settings, hookimpl, setting
from ganbench_resnet.recipes import acgan, adam, sngan, sngan_projection, wgan_gp

RESOLUTIONS = tuple(sorted(base * 2**k for base in (4, 6) for k in range(1, 7)))
"""8 to 256 and 12 to 384: a generator starts at 4x4, or at 6x6 for what 3 divides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetOptions(Settings):
    """Options of both networks; the defaults are SNGAN's networks (Miyato et al. 2018, tables 4 to 6) at any resolution."""

    latent_dim: int = setting(128, least=1)
    """Length of z, drawn from N(0, 1)."""
    generator_width: int | None = setting(None, least=1)
    """Channels of the generator's last feature map; unset: 256 for the flat shape, 64 for the pyramid."""
    discriminator_width: int | None = setting(None, least=1)
    """Channels of the discriminator's first feature map; unset: 128 for the flat shape, 64 for the pyramid."""
    shape: Literal["flat", "pyramid"] | None = None
    """The same channels at every resolution, or doubled with each halving up to 16 times; unset: flat up to 32x32, as in the sources."""
    conditional: bool | None = None
    """Use labels: conditional batch norm in the generator, label_head in the discriminator; unset: where there are any."""
    label_head: Literal["projection", "classifier"] = "projection"
    """How the discriminator uses labels: adds an inner product with their embedding to its logit, or classifies beside it (AC-GAN)."""
    class_weight: float = setting(1.0, least=0)
    """Weight of the cross-entropy of real images in the discriminator's loss; label_head = classifier only."""
    generator_class_weight: float = setting(0.1, least=0)
    """Weight of the cross-entropy of generated images in the generator's loss; label_head = classifier only."""
    spectral_norm: bool = True
    """Divide each weight of the discriminator by its largest singular value."""
    discriminator_norm: Literal["none", "layer", "batch"] = "none"
    """Normalisation in the discriminator's blocks behind the first; batch norm does not go with a penalty on single samples."""
    pooling: Literal["sum", "mean"] = "sum"
    """How the discriminator's last feature map becomes a vector: SNGAN adds it up, WGAN-GP averages."""
    head_bias: bool = True
    """A bias in the discriminator's last layer."""


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    return [_architecture(), sngan(), sngan_projection(), wgan_gp(), acgan()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="resnet",
        summary="residual networks of SNGAN and WGAN-GP; projection or AC-GAN head, spectral norm",
        factory="ganbench_resnet.networks:build",
        options=ResNetOptions,
        paper="Miyato et al. 2018, https://arxiv.org/abs/1802.05957; Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028",
        spaces=("images",),
        resolutions=RESOLUTIONS,
        conditional=True,
        packing=True,
        defaults=adam(beta1=0.0, beta2=0.9),
    )

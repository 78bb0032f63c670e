"""StyleGAN2 (Karras et al. 2020, https://arxiv.org/abs/1912.04958): style-based generator, path length and lazy regularisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Settings, hookimpl, setting
from ganbench_stylegan2.recipes import PAPER, adam, recipes, regularised

RESOLUTIONS = tuple(2**k for k in range(3, 11))
LOSSES = ("logistic", "minimax", "hinge", "least-squares")
"""Those of single logits; the others clip weights or compare pairs, which this iteration does not draw."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StyleGAN2Options(Settings):
    """Options of both networks and of their iteration; the defaults are the article's configuration F."""

    latent_dim: int = setting(512, least=1)
    """Length of z, which is put on a sphere, and of w, the style before each layer's own linear map."""
    mapping_layers: int = setting(8, least=1)
    """Layers from z to w; the label's way into the discriminator always has 8."""
    mapping_rate: float = setting(0.01, above=0)
    """Learning rate of those layers, as a factor of the generator's."""
    channel_base: int = setting(32768, least=8)
    """Channels of a feature map times its resolution, where max_channels allows so many."""
    max_channels: int = setting(512, least=1)
    """Most channels of a feature map."""
    generator_kind: Literal["skip", "orig"] = "skip"
    """How images are made: a sum over all resolutions, or from the last feature map alone."""
    discriminator_kind: Literal["resnet", "skip", "orig"] = "resnet"
    """How images come in: residual blocks; the image again at each resolution; or a plain chain."""
    stddev_group: int = setting(4, least=0)
    """Samples whose standard deviation the discriminator sees; 0 leaves that out."""
    conditional: bool | None = None
    """Use labels: their embedding stands beside z, and projects the discriminator's features; unset: where there are any."""
    clamp: float | None = setting(256.0, above=0)
    """Activations are kept in [-clamp, clamp]; unset: no limit."""
    bf16_stages: int = setting(4, least=0)
    """The finest resolutions that are in bf16 where the run is; the others stay in fp32."""
    style_mixing: float = setting(0.9, least=0, most=1)
    """Probability that a batch takes the styles of its finer layers from a second z."""
    path_weight: float = setting(2.0, least=0)
    """Weight of path length regularisation; 0 for none."""
    path_every: int = setting(4, least=1)
    """It is taken in every so many iterations, k, and so many times as strong; the generator's learning rate and betas are corrected by
    k / (k + 1), and the discriminator's by training.penalty_every likewise."""
    path_decay: float = setting(0.01, above=0, most=1)
    """Step of the mean path length towards that of a batch."""
    path_batch_fraction: int = setting(2, least=1)
    """Path lengths are of a batch that is so many times smaller."""
    average_ramp: float | None = setting(None, above=0)
    """The half-life of the average is at most so many times the images seen; unset: it is training.ema_halflife_kimg from the start."""
    mean_style_decay: float = setting(0.995, least=0, below=1)
    """Of the mean w, which truncation needs, in each batch."""
    truncation: float = setting(1.0, least=0, most=1)
    """Evaluated images have w at so much of its distance from the mean w; 1 for no truncation."""


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    return [_architecture(), *recipes()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="stylegan2",
        summary="StyleGAN2: styles by modulated convolutions, path length regularisation, lazy R1",
        factory="ganbench_stylegan2.networks:build",
        options=StyleGAN2Options,
        paper=PAPER,
        spaces=("images",),
        resolutions=RESOLUTIONS,
        conditional=True,
        losses=LOSSES,
        algorithm="ganbench_stylegan2.algorithm:StyleGAN2Algorithm",
        defaults=(*regularised(10.0), *adam(), ("training.ema_halflife_kimg", 10.0)),
    )

"""R3GAN (Huang et al. 2024, https://arxiv.org/abs/2501.05441): residual networks without norms, a relativistic loss with R1 and R2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Settings, hookimpl, setting
from ganbench_r3gan.recipes import PAPER, adam, gammas, recipes
from ganbench_reproduce import ReproductionSpec

RESOLUTIONS = tuple(2**k for k in range(3, 11))
LOSSES = ("relativistic", "relativistic-average", "logistic", "minimax", "hinge", "least-squares")
"""All but the Wasserstein loss, whose clipping of weights is no part of this iteration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class R3GANOptions(Settings):
    """Options of both networks and of their schedules; the defaults are the article's networks for CIFAR-10 and FFHQ."""

    latent_dim: int = setting(64, least=1)
    """Length of z, drawn from N(0, 1); the class embedding beside it is as long."""
    width: int = setting(768, least=1)
    """Channels of the feature maps from 4x4 up to full_width_resolution; half as many at each doubling beyond."""
    full_width_resolution: int = setting(32, least=4)
    """The last resolution with all channels: 32 in the source, and 64 for its ImageNet at 64x64."""
    blocks: int = setting(2, least=1)
    """Residual blocks at each resolution."""
    expansion: int = setting(2, least=1)
    """Channels inside a block, as a multiple of those around it."""
    group_channels: int = setting(16, least=1)
    """Channels in each group of a block's 3x3 convolution: 16 in the source, and 32 for its ImageNet."""
    conditional: bool | None = None
    """Use labels: their embedding stands beside z, and judges the discriminator's features; unset: where there are any."""
    fp32_stages: int = setting(1, least=0)
    """Resolutions from 4x4 up that stay in fp32 where the run is in bf16."""
    schedule_kimg: float | None = setting(None, above=0)
    """Thousands of real images over which everything below moves, along half a cosine; unset: the budget."""
    final_rate: float = setting(0.25, above=0)
    """Learning rates at the end, as a fraction of the optimizers' own; 1 for no schedule."""
    final_beta2: float | None = setting(0.99, least=0, below=1)
    """Adam's beta2 at the end, from the optimizers' own; unset: it stays."""
    final_gamma: float = setting(0.1, least=0)
    """Weight of the loss's penalties at the end, as a fraction of their own; 1 for no schedule."""
    ramp_average: bool = True
    """Let the half-life of the average rise from 0 to training.ema_halflife_kimg; false: it stays there."""


LossRow = Literal["rpgan-r1-r2", "gan-r1-r2", "rpgan-r1", "gan-r1"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LossTableOptions(Settings):
    """Options of the reproduction ``r3gan-stacked-digits``."""

    rows: tuple[LossRow, ...] = ("rpgan-r1-r2", "gan-r1-r2", "rpgan-r1", "gan-r1")
    """What is trained: the relativistic loss or the plain one, with R1 and R2 or with R1 alone."""
    digits: int = setting(2, least=2, most=3)
    """Digits in an image: 2 for 100 modes, which suit two cores, 3 for 1,000 as published."""
    num_images: int = setting(25_600, least=1)
    """Images in the train split, of random digits; stacked MNIST has 128,000."""
    gamma: float = setting(0.5, least=0)
    """Weight of each penalty at first; R3GAN's schedule takes it to a tenth."""
    kimg: float = setting(6_400.0, above=0)
    """The whole budget of each row in thousands of images: 50 epochs of 128,000, the article of VEEGAN's."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.rows or len(set(self.rows)) < len(self.rows):
            raise ValueError(f"rows must be one or more, each once (got {','.join(self.rows) or 'none'})")


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec | ReproductionSpec]:
    """Return the architecture, its recipes and the table."""
    return [_architecture(), *recipes(), _table()]


def _table() -> ReproductionSpec:
    return ReproductionSpec(
        name="r3gan-stacked-digits",
        summary="modes and KL of GAN and relativistic GAN, with R1 and with R1 and R2, on stacked digits",
        factory="ganbench_r3gan.table:build",
        options=LossTableOptions,
        paper=f"{PAPER}, the ablation of the loss",
        sources=("ganbench_schedules",),
    )


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="r3gan",
        summary="R3GAN: residual networks without norms, paired by class; every number follows the images seen",
        factory="ganbench_r3gan.networks:build",
        options=R3GANOptions,
        paper=PAPER,
        spaces=("images",),
        resolutions=RESOLUTIONS,
        conditional=True,
        losses=LOSSES,
        algorithm="ganbench_r3gan.algorithm:R3GANAlgorithm",
        defaults=(*gammas(0.05), ("training.shared_fakes", False), *adam()),
        sources=("ganbench_schedules",),
    )

"""Unrolled GANs (Metz et al. 2017, https://arxiv.org/abs/1611.02163): a generator that looks several steps of its discriminator ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Setting, Settings, both_optimizers, hookimpl, setting
from ganbench_reproduce import ReproductionSpec

PAPER = "Metz et al. 2017, https://arxiv.org/abs/1611.02163"


@dataclass(frozen=True, kw_only=True, slots=True)
class UnrolledOptions(Settings):
    """Options of both networks and of their iteration; the defaults are those of the authors' demonstration on points."""

    latent_dim: int = setting(256, least=1)
    """Length of z, drawn from N(0, 1)."""
    width: int = setting(128, least=1)
    """Units of each hidden layer."""
    layers: int = setting(2, least=1)
    """Hidden layers of each network."""
    gain: float = setting(1.4, above=0)
    """Of the orthogonal matrices that weights begin as."""
    unrolled_steps: int = setting(5, least=0)
    """Steps of the discriminator that the generator looks ahead; 0 for the plain GAN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnrolledTableOptions(Settings):
    """Options of the reproduction ``unrolled-ring``."""

    steps: tuple[int, ...] = (0, 1, 5, 10)
    """Steps that the generator looks ahead, one row for each; 0 is the plain GAN."""
    kimg: float = setting(12_800.0, above=0)
    """The budget of each row in thousands of points, as long as the authors' demonstration."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.steps or len(set(self.steps)) < len(self.steps) or min(self.steps) < 0:
            raise ValueError(f"steps must be numbers of 0 or more, each once (got {','.join(map(str, self.steps)) or 'none'})")


@dataclass(frozen=True, kw_only=True, slots=True)
class VEEGANTableOptions(Settings):
    """Options of the reproduction ``veegan-2d``."""

    data: tuple[Literal["ring", "grid"], ...] = ("ring", "grid")
    """Mixtures: 8 Gaussians on a circle, 25 on a square grid."""
    rows: tuple[Literal["gan", "unrolled", "pacgan"], ...] = ("gan", "unrolled", "pacgan")
    """What is trained."""
    kimg: float = setting(12_800.0, above=0)
    """The budget of each row in thousands of points, as long as the unrolled GAN's demonstration."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for name in ("data", "rows"):
            if not (values := getattr(self, name)) or len(set(values)) < len(values):
                raise ValueError(f"{name} must be one or more, each once (got {','.join(values) or 'none'})")


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec | ReproductionSpec]:
    """Return the architecture, its recipe and the tables."""
    return [_architecture(), _recipe(), *_tables()]


def _tables() -> list[ReproductionSpec]:
    return [
        ReproductionSpec(
            name="unrolled-ring",
            summary="modes of a GAN on a ring of 8 by the steps of its discriminator that it looks ahead",
            factory="ganbench_unrolled.table:build_ring",
            options=UnrolledTableOptions,
            paper=f"{PAPER}, figure 2; poolio/unrolled_gan",
        ),
        ReproductionSpec(
            name="veegan-2d",
            summary="modes and high-quality samples of GAN, unrolled GAN and PacGAN2 on the 2D ring and grid",
            factory="ganbench_unrolled.table:build_veegan",
            options=VEEGANTableOptions,
            paper="Srivastava et al. 2017, https://arxiv.org/abs/1705.07761, table 1",
        ),
    ]


def _optimizers() -> tuple[Setting, ...]:
    return (
        *both_optimizers(kind="adam", beta1=0.5, beta2=0.999, eps=1e-8),
        ("generator_optimizer.learning_rate", 1e-3),
        ("discriminator_optimizer.learning_rate", 1e-4),
    )


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="unrolled",
        summary="unrolled GAN: tanh perceptrons, and a generator that is differentiated through its discriminator's next steps",
        factory="ganbench_unrolled.networks:build",
        options=UnrolledOptions,
        paper=PAPER,
        spaces=("points",),
        losses=("minimax",),
        algorithm="ganbench_unrolled.algorithm:UnrolledAlgorithm",
        defaults=(("loss.name", "minimax"), ("training.shared_fakes", False), *_optimizers()),
    )


def _recipe() -> RecipeSpec:
    return RecipeSpec(
        name="unrolled-ring",
        summary="unrolled GAN on 8 Gaussians in a circle, as its authors demonstrate it",
        paper=f"{PAPER}; poolio/unrolled_gan",
        architecture="unrolled",
        settings=(
            ("dataset.name", "ring8"),
            ("loss.name", "minimax"),
            ("training.batch_size", 512),
            ("training.total_kimg", 12_800.0),
            ("training.ema_halflife_kimg", 0.0),
            ("training.shared_fakes", False),
            *_optimizers(),
        ),
        deviations=(
            "the ring has 8 modes, the source's 7: its linspace takes both ends of the circle",
            "the points are drawn once, 100,000 of them; the source draws new ones for every batch",
            "the discriminator's step comes before the generator's, in the source both are taken from the same state",
        ),
    )

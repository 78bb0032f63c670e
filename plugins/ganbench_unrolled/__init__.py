"""Unrolled GANs (Metz et al. 2017, https://arxiv.org/abs/1611.02163): a generator that looks several steps of its discriminator ahead."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import ArchitectureSpec, RecipeSpec, Setting, Settings, both_optimizers, hookimpl, setting

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


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipe."""
    return [_architecture(), _recipe()]


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

"""BigGAN on CIFAR-10, as its author's PyTorch code and as PyTorch-StudioGAN train it."""

from __future__ import annotations

import math

from ganbench import RecipeSpec, Setting, both_optimizers
from ganbench_biggan import PAPER


def halflife_kimg(decay: float, images_per_update: int) -> float:
    """Return the half-life of an average that keeps ``decay`` of itself at each update: decay = 0.5^(images / halflife)."""
    return images_per_update * math.log(0.5) / math.log(decay) / 1000


def _training(*, batch_size: int, d_steps: int, generator_steps: int, decay: float, start_steps: int, flip: bool) -> tuple[Setting, ...]:
    """Return the settings that the sources state in steps of the generator, in thousands of real images."""
    images = batch_size * d_steps
    return (
        ("loss.name", "hinge"),
        ("training.batch_size", batch_size),
        ("training.d_steps", d_steps),
        ("training.total_kimg", generator_steps * images / 1000),
        ("training.ema_halflife_kimg", halflife_kimg(decay, images)),
        ("training.ema_start_kimg", start_steps * images / 1000),
        ("training.horizontal_flip", flip),
    )


def _adam(beta1: float, eps: float) -> tuple[Setting, ...]:
    """Return the settings of both optimizers, which are alike in each source."""
    return both_optimizers(kind="adam", learning_rate=2e-4, beta1=beta1, beta2=0.999, eps=eps, schedule="constant")


_SHARED_DEVIATIONS = (
    "generated classes have the train split's distribution, which for CIFAR-10 is the sources' uniform one",
    "the averaged generator has the trained one's batch-norm statistics",
)


def biggan_cifar() -> RecipeSpec:
    """Return the author's recipe."""
    return RecipeSpec(
        name="biggan-cifar",
        summary="class-conditional BigGAN at 32x32 as its author trains it on CIFAR-10",
        paper=f"{PAPER}; ajbrock/BigGAN-PyTorch scripts/launch_cifar_ema.sh",
        architecture="biggan",
        resolution=32,
        settings=(
            ("architecture.options.latent_dim", 128),
            ("architecture.options.generator_width", 64),
            ("architecture.options.discriminator_width", 64),
            ("architecture.options.conditional", True),
            ("architecture.options.shared_dim", 0),
            ("architecture.options.hierarchical", False),
            ("architecture.options.attention_resolution", 0),
            ("architecture.options.initialisation", "normal"),
            *_training(batch_size=50, d_steps=4, generator_steps=125_000, decay=0.9999, start_steps=1000, flip=False),
            *_adam(0.0, 1e-8),
        ),
        deviations=(
            *_SHARED_DEVIATIONS,
            "the source averages those statistics like weights",
            "real and generated images go through the discriminator apart, so that its power iterations advance twice in a step",
            "the sampler runs across epoch borders",
        ),
    )


def biggan_cifar_studiogan() -> RecipeSpec:
    """Return PyTorch-StudioGAN's recipe."""
    return RecipeSpec(
        name="biggan-cifar-studiogan",
        summary="class-conditional BigGAN at 32x32 as PyTorch-StudioGAN trains it on CIFAR-10 (FID 4.16 there)",
        paper=f"{PAPER}; POSTECH-CVLab/PyTorch-StudioGAN src/configs/CIFAR10/BigGAN.yaml",
        architecture="biggan",
        resolution=32,
        settings=(
            ("architecture.options.latent_dim", 80),
            ("architecture.options.generator_width", 96),
            # Its discriminator has 2 times d_conv_dim (96) channels at 32x32, the author's 4 times the unit.
            ("architecture.options.discriminator_width", 48),
            ("architecture.options.conditional", True),
            ("architecture.options.shared_dim", 128),
            ("architecture.options.hierarchical", True),
            ("architecture.options.attention_resolution", 16),
            ("architecture.options.initialisation", "orthogonal"),
            ("architecture.options.norm_eps", 1e-4),
            *_training(batch_size=64, d_steps=5, generator_steps=100_000, decay=0.9999, start_steps=1000, flip=True),
            *_adam(0.5, 1e-6),
        ),
        deviations=(*_SHARED_DEVIATIONS, "the source's figure is the best of its run"),
    )

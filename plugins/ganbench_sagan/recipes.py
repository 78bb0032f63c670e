"""SAGAN as its authors train it on ImageNet, as PyTorch-StudioGAN trains it on CIFAR-10, and a small one for two cores.

The authors have two rates at one step each; StudioGAN has one rate and five steps of the discriminator. These are two recipes, not one.
"""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers
from ganbench_sagan import PAPER


def _adam(*, generator: float, discriminator: float, beta1: float, eps: float) -> tuple[Setting, ...]:
    return (
        *both_optimizers(kind="adam", beta1=beta1, beta2=0.999, eps=eps, schedule="constant"),
        ("generator_optimizer.learning_rate", generator),
        ("discriminator_optimizer.learning_rate", discriminator),
    )


def recipes() -> list[RecipeSpec]:
    """Return all three."""
    return [_imagenet(), _cifar(), _small()]


def _imagenet() -> RecipeSpec:
    return RecipeSpec(
        name="sagan-imagenet-128",
        summary="class-conditional SAGAN at 128x128 as its authors train it on ImageNet (FID 18.65 there)",
        paper=f"{PAPER}; brain-research/self-attention-gan model.py",
        architecture="sagan",
        resolution=128,
        settings=(
            ("loss.name", "hinge"),
            ("architecture.options.conditional", True),
            ("architecture.options.attention_resolution", 32),
            ("training.batch_size", 256),
            ("training.d_steps", 1),
            ("training.total_kimg", 256_000.0),  # a million steps
            ("training.shared_fakes", False),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(generator=1e-4, discriminator=4e-4, beta1=0.0, eps=1e-8),
        ),
        deviations=(
            "beta2 is the code's 0.999; the article has 0.9",
            "the discriminator's step comes before the generator's, which the source does first",
            "power iterations advance with generated images too, in the source with real ones alone",
            "generated classes have the train split's distribution; the source draws them uniformly",
            "images are not mirrored; whether the source's reader does was not checked",
        ),
    )


def _cifar() -> RecipeSpec:
    return RecipeSpec(
        name="sagan-cifar",
        summary="class-conditional SAGAN at 32x32 as PyTorch-StudioGAN trains it on CIFAR-10",
        paper=f"{PAPER}; POSTECH-CVLab/PyTorch-StudioGAN src/configs/CIFAR10/SAGAN.yaml",
        architecture="sagan",
        resolution=32,
        settings=(
            ("loss.name", "hinge"),
            ("architecture.options.conditional", True),
            ("architecture.options.attention_resolution", 16),
            ("architecture.options.normalised_tables", True),
            ("architecture.options.initialisation", "orthogonal"),
            ("architecture.options.norm_eps", 1e-4),
            ("training.batch_size", 64),
            ("training.d_steps", 5),
            ("training.total_kimg", 32_000.0),  # 100,000 steps of the generator
            ("training.horizontal_flip", True),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(generator=2e-4, discriminator=2e-4, beta1=0.5, eps=1e-6),
        ),
        deviations=(
            "generated classes have the train split's distribution, which for CIFAR-10 is the source's uniform one",
            "norms that are divided by have eps 1e-12 in spectral norm; the source's is 1e-6",
        ),
    )


def _small() -> RecipeSpec:
    return RecipeSpec(
        name="sagan-small",
        summary="SAGAN at 16x16 with a quarter of the channels, for two cores",
        paper=f"{PAPER}; brain-research/self-attention-gan model.py",
        architecture="sagan",
        resolution=16,
        settings=(
            ("loss.name", "hinge"),
            ("architecture.options.latent_dim", 64),
            ("architecture.options.generator_width", 16),
            ("architecture.options.discriminator_width", 16),
            ("training.batch_size", 64),
            ("training.d_steps", 1),
            ("training.total_kimg", 80.0),
            ("training.shared_fakes", False),
            *_adam(generator=1e-4, discriminator=4e-4, beta1=0.0, eps=1e-8),
        ),
        deviations=(
            "16x16 pixels, a quarter of the channels, batches of 64 and 80 kimg, for two cores",
            "attention at 8x8; the generator that is evaluated is an average, the source's is the trained one",
            "power iterations advance with generated images too, in the source with real ones alone",
            "generated classes have the train split's distribution; the source draws them uniformly",
        ),
    )

"""DCGAN as the paper's authors trained it, and with the five-layer discriminator of teaching articles."""

from __future__ import annotations

from ganbench import RecipeSpec, Setting
from ganbench_dcgan import PAPER


def _adam(weight_decay: float) -> tuple[Setting, ...]:
    """Return the settings of both optimizers: section 4 of the paper."""
    values: tuple[tuple[str, str | float], ...] = (
        ("kind", "adam"),
        ("learning_rate", 2e-4),
        ("beta1", 0.5),
        ("beta2", 0.999),
        ("eps", 1e-8),
        ("weight_decay", weight_decay),
    )
    return tuple((f"{network}_optimizer.{name}", value) for network in ("generator", "discriminator") for name, value in values)


def dcgan_original() -> RecipeSpec:
    """Return the authors' recipe for faces."""
    return RecipeSpec(
        name="dcgan-original",
        summary="DCGAN at 64x64 as its authors train it on faces: 5x5 kernels, uniform latents, twice the width",
        paper=f"{PAPER}; Newmu/dcgan_code faces/train_uncond_dcgan.py",
        architecture="dcgan",
        resolution=64,
        settings=(
            ("loss.name", "logistic"),
            ("architecture.options.conditional", False),
            ("architecture.options.latents", "uniform"),
            ("architecture.options.generator_width", 128),
            ("architecture.options.discriminator_width", 128),
            ("architecture.options.generator_kernel", 5),
            ("architecture.options.discriminator_kernel", 5),
            ("architecture.options.first_norm", "unit"),
            ("training.batch_size", 128),
            # 25 epochs of 350,000 faces, of whose batches every second one trains the discriminator.
            ("training.total_kimg", 4_375.0),
            ("training.d_steps", 1),
            ("training.shared_fakes", False),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(1e-5),
        ),
        deviations=(
            "batch norm has torch's eps of 1e-5; the source's is 1e-8",
            "evaluation uses the running statistics of batch norm; the source samples with those of each batch",
            "the discriminator is updated first; the source begins with the generator",
            "the batches that the source draws for its generator's updates and does not look at are not drawn",
        ),
    )


def dcgan_deep() -> RecipeSpec:
    """Return pytorch/examples' generator against a discriminator that goes down to 2x2."""
    return RecipeSpec(
        name="dcgan-deep",
        summary="DCGAN at 64x64 with a 64-128-256-512-1024 discriminator of 5x5 convolutions",
        paper=PAPER,
        architecture="dcgan",
        resolution=64,
        settings=(
            ("loss.name", "logistic"),
            ("architecture.options.conditional", False),
            ("architecture.options.discriminator_base_resolution", 2),
            ("architecture.options.discriminator_kernel", 5),
            ("architecture.options.head", "linear"),
            ("training.batch_size", 64),
            ("training.d_steps", 1),
            ("training.shared_fakes", True),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(0.0),
        ),
        deviations=(
            "teaching articles give the discriminator's convolutions and leaky ReLUs; batch norm, initialisation, generator and optimizers"
            " are dcgan-64's",
        ),
    )

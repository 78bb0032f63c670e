"""WGAN with weight clipping on DCGAN's networks, and WGAN-GP on convolutional networks of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import ArchitectureSpec, RecipeSpec, Settings, both_optimizers, hookimpl, setting

ARJOVSKY = "Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875"
GULRAJANI = "Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028"


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvOptions(Settings):
    """Options of both networks; the defaults are those of igul222/improved_wgan_training's gan_cifar.py."""

    latent_dim: int = setting(128, least=1)
    """Length of z, drawn from N(0, 1)."""
    generator_width: int = setting(128, least=1)
    """Channels of the generator at half the resolution; doubled with each halving."""
    discriminator_width: int = setting(128, least=1)
    """Channels of the discriminator at half the resolution; doubled with each halving."""


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and the recipes."""
    return [_architecture(), _wgan(), _wgan_gp_conv()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="wgan-conv",
        summary="WGAN-GP's convolutional networks for any power-of-two resolution, without norm in the critic",
        factory="ganbench_wgan.networks:build",
        options=ConvOptions,
        paper=f"{GULRAJANI}; igul222/improved_wgan_training gan_cifar.py",
        spaces=("images",),
        resolutions=tuple(2**k for k in range(3, 9)),
        packing=True,
    )


def _wgan() -> RecipeSpec:
    return RecipeSpec(
        name="wgan",
        summary="WGAN with weight clipping at 64x64 as martinarjovsky/WassersteinGAN trains it",
        paper=f"{ARJOVSKY}; martinarjovsky/WassersteinGAN main.py, models/dcgan.py",
        architecture="dcgan",
        resolution=64,
        settings=(
            ("loss.name", "wasserstein"),
            ("loss.options.weight_clip", 0.01),
            ("architecture.options.conditional", False),
            ("training.batch_size", 64),
            ("training.d_steps", 5),
            ("training.d_steps_boost", 100),
            ("training.ema_halflife_kimg", 0.0),
            *both_optimizers(kind="rmsprop", learning_rate=5e-5, rmsprop_alpha=0.99, eps=1e-8),
        ),
        deviations=(
            "the budget is ganbench's default: the source trains 25 epochs of whatever it is given",
            "batches run across epoch borders: the source ends an iteration's critic steps with the epoch",
        ),
    )


def _wgan_gp_conv() -> RecipeSpec:
    return RecipeSpec(
        name="wgan-gp-conv",
        summary="WGAN-GP's convolutional networks as igul222/improved_wgan_training trains them on CIFAR-10 (FID 19.8 in print)",
        paper=f"{GULRAJANI}; igul222/improved_wgan_training gan_cifar.py",
        architecture="wgan-conv",
        resolution=32,
        settings=(
            ("loss.name", "wasserstein"),
            ("loss.options.gp_weight", 10.0),
            ("architecture.options.latent_dim", 128),
            ("architecture.options.generator_width", 128),
            ("architecture.options.discriminator_width", 128),
            ("training.total_kimg", 64_000.0),
            ("training.batch_size", 64),
            ("training.d_steps", 5),
            ("training.ema_halflife_kimg", 0.0),
            *both_optimizers(kind="adam", learning_rate=1e-4, beta1=0.5, beta2=0.9, eps=1e-8),
        ),
        deviations=(
            "the discriminator's steps come before the generator's: the source begins an iteration with the generator",
            "generated images are evaluated with running statistics of batch norm, which the source does not keep",
            "strided convolutions pad two pixels on each side; TensorFlow pads one before and two behind",
        ),
    )

"""DCGAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434) for any power-of-two resolution, and two published recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench.plugin import hookimpl
from ganbench.spec import ArchitectureSpec, RecipeSpec, Setting

PAPER = "Radford et al. 2016, https://arxiv.org/abs/1511.06434"


@dataclass(frozen=True, kw_only=True, slots=True)
class DCGANOptions:
    """Options of both networks; the defaults are pytorch/examples' networks at any resolution."""

    latent_dim: int = 100
    """Length of z, drawn from N(0, 1)."""
    generator_width: int = 64
    """Channels of the generator at half the resolution; doubled with each halving."""
    discriminator_width: int = 64
    """Channels of the discriminator at half the resolution; doubled with each halving."""
    conditional: bool | None = None
    """Use labels: one-hot beside z, and as constant planes beside the image (Mirza and Osindero 2014); unset: where there are any."""
    base_resolution: Literal[2, 4] = 4
    """Resolution of the generator's first feature map and of the discriminator's last."""
    discriminator_kernel: Literal[3, 4, 5] = 4
    """Kernel of the discriminator's strided convolutions."""
    discriminator_norm: Literal["batch", "none"] = "batch"
    """Normalisation in the discriminator; none for a loss that takes gradients by sample."""
    norm_after_activation: bool = False
    """Put the discriminator's normalisation behind the activation instead of before it."""
    head: Literal["conv", "linear"] = "conv"
    """Last layer of the discriminator: a convolution over the last feature map without bias, or a linear layer with one."""

    def __post_init__(self) -> None:
        for name in ("latent_dim", "generator_width", "discriminator_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more (got {getattr(self, name)})")


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    return [_architecture(), _dcgan_64(), _dcgan_32()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="dcgan",
        summary="DCGAN for any power-of-two resolution from 8, conditional or not",
        factory="ganbench_dcgan.networks:build",
        options=DCGANOptions,
        paper=PAPER,
        resolutions=tuple(2**k for k in range(3, 11)),
        conditional=True,
    )


def _adam(beta2: float) -> tuple[Setting, ...]:
    """Return the settings of both optimizers, which the two sources share but for beta2."""
    values: tuple[tuple[str, str | float], ...] = (
        ("kind", "adam"),
        ("learning_rate", 2e-4),
        ("beta1", 0.5),
        ("beta2", beta2),
        ("eps", 1e-8),
    )
    return tuple((f"{network}_optimizer.{name}", value) for network in ("generator", "discriminator") for name, value in values)


def _dcgan_64() -> RecipeSpec:
    return RecipeSpec(
        name="dcgan-64",
        summary="DCGAN at 64x64 as pytorch/examples trains it",
        paper=f"{PAPER}; pytorch/examples dcgan/main.py",
        architecture="dcgan",
        resolution=64,
        settings=(
            ("loss.name", "logistic"),
            ("architecture.options.conditional", False),
            ("training.batch_size", 64),
            ("training.d_steps", 1),
            ("training.shared_fakes", True),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(0.999),
        ),
        deviations=(
            "the budget is ganbench's default: the source trains 25 epochs of whatever it is given",
            "incomplete last batches do not occur: the sampler runs across epoch borders",
        ),
    )


def _dcgan_32() -> RecipeSpec:
    return RecipeSpec(
        name="dcgan-32",
        summary="DCGAN at 32x32 as pytorch-gan-collections trains it on CIFAR-10 (FID 42.72 there)",
        paper=f"{PAPER}; w86763777/pytorch-gan-collections source/models/dcgan.py",
        architecture="dcgan",
        resolution=32,
        settings=(
            ("loss.name", "logistic"),
            ("architecture.options.conditional", False),
            ("architecture.options.generator_width", 128),
            ("architecture.options.base_resolution", 2),
            ("architecture.options.discriminator_kernel", 5),
            ("architecture.options.norm_after_activation", True),
            ("architecture.options.head", "linear"),
            ("training.batch_size", 128),
            ("training.total_kimg", 12_800.0),
            ("training.d_steps", 1),
            ("training.shared_fakes", False),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(0.9),
        ),
        deviations=("the raw generator is evaluated; whether the source's figure is of an averaged one could not be verified",),
    )

"""DCGAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434) for any power-of-two resolution, and published recipes.

The networks take the techniques of Salimans et al. 2016 (https://arxiv.org/abs/1606.03498) as options; those of the losses go with any
network that shows its features. As in the article, minibatch discrimination and feature matching are alternatives::

    ganbench run --plugin dcgan -o generator_norm=virtual -o head=linear -o minibatch_discrimination=100 -o loss.label_smoothing=0.1
    ganbench run --plugin dcgan -o loss.feature_matching=1 -o loss.feature_matching_alone=true -o loss.historical_averaging=0.001
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Setting, Settings, hookimpl, setting

PAPER = "Radford et al. 2016, https://arxiv.org/abs/1511.06434"


@dataclass(frozen=True, kw_only=True, slots=True)
class DCGANOptions(Settings):
    """Options of both networks; the defaults are pytorch/examples' networks at any resolution."""

    latent_dim: int = setting(100, least=1)
    """Length of z."""
    latents: Literal["normal", "uniform"] = "normal"
    """Distribution of z: N(0, 1), or U(-1, 1) as in the paper."""
    generator_width: int = setting(64, least=1)
    """Channels of the generator at half the resolution; doubled with each halving."""
    discriminator_width: int = setting(64, least=1)
    """Channels of the discriminator at half the resolution; doubled with each halving."""
    conditional: bool | None = None
    """Use labels: one-hot beside z, and as constant planes beside the image (Mirza and Osindero 2014); unset: where there are any."""
    base_resolution: Literal[2, 4] = 4
    """Resolution of the generator's first feature map and of the discriminator's last."""
    discriminator_base_resolution: Literal[2, 4] | None = None
    """Resolution of the discriminator's last feature map; unset: base_resolution."""
    generator_norm: Literal["batch", "virtual"] = "batch"
    """Normalisation in the generator; virtual: by a fixed reference batch, which goes through the network again in each step."""
    generator_kernel: Literal[4, 5] = 4
    """Kernel of the generator's strided transposed convolutions."""
    first_norm: Literal["channel", "unit"] = "channel"
    """Normalisation of the generator's first feature map: over each channel, or over each of its values apart."""
    discriminator_kernel: Literal[3, 4, 5] = 4
    """Kernel of the discriminator's strided convolutions."""
    discriminator_norm: Literal["batch", "virtual", "none"] = "batch"
    """Normalisation in the discriminator; virtual or none for a loss that takes gradients by sample."""
    norm_after_activation: bool = False
    """Put the discriminator's normalisation behind the activation instead of before it."""
    head: Literal["conv", "linear"] = "conv"
    """Last layer of the discriminator: a convolution over the last feature map without bias, or a linear layer with one."""
    minibatch_discrimination: int = setting(0, least=0)
    """Kernels of minibatch discrimination (Salimans et al. 2016 use 100), with head=linear; 0 for none."""
    minibatch_discrimination_dim: int = setting(5, least=1)
    """Dimensions of each kernel."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if (kernels := self.minibatch_discrimination) and self.head == "conv":
            raise ValueError(f"minibatch_discrimination must be 0 with head=conv (got {kernels}); it goes with head=linear")


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    from ganbench_dcgan.original import dcgan_deep, dcgan_original

    return [_architecture(), _dcgan_64(), _dcgan_32(), dcgan_original(), dcgan_deep(), _lsgan()]


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="dcgan",
        summary="DCGAN for any power-of-two resolution from 8, conditional or not",
        factory="ganbench_dcgan.networks:build",
        options=DCGANOptions,
        paper=PAPER,
        spaces=("images",),
        resolutions=tuple(2**k for k in range(3, 11)),
        conditional=True,
        packing=True,
    )


def _adam(beta2: float, learning_rate: float = 2e-4) -> tuple[Setting, ...]:
    """Return the settings of both optimizers, which the sources share but for beta2 and, in one, the learning rate."""
    values: tuple[tuple[str, str | float], ...] = (
        ("kind", "adam"),
        ("learning_rate", learning_rate),
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


def _lsgan() -> RecipeSpec:
    return RecipeSpec(
        name="lsgan",
        summary="least-squares GAN at 64x64 as MMGeneration trains it on CelebA (FID 11.93 there)",
        paper="Mao et al. 2017, https://arxiv.org/abs/1611.04076; open-mmlab/mmgeneration "
        "configs/lsgan/lsgan_dcgan-archi_lr-1e-3_celeba-cropped_64_b128x1_12m.py",
        architecture="dcgan",
        resolution=64,
        settings=(
            ("loss.name", "least-squares"),
            ("architecture.options.conditional", False),
            ("architecture.options.generator_width", 128),
            ("architecture.options.discriminator_width", 128),
            ("training.batch_size", 128),
            ("training.total_kimg", 12_800.0),
            ("training.d_steps", 1),
            ("training.shared_fakes", False),
            ("training.ema_halflife_kimg", 0.0),
            *_adam(0.99, learning_rate=1e-3),
        ),
        deviations=(
            "leaky ReLUs have slope 0.2; the source's have 0.01",
            "batch-norm gains start at N(1, 0.02); the source's at N(0, 1)",
            "convolutions without batch norm have no bias; the source's have one",
            "both losses are half of the source's, as in the paper's equation 9; Adam does not see the factor",
        ),
    )

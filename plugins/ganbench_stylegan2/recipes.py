"""The published ways to train StyleGAN2, and a small one for two cores. Nothing here imports torch.

The numbers are those of NVlabs/stylegan2-ada-pytorch @d72cc7d train.py, whose code is not for commercial use and was not copied:
configurations ``stylegan2``, ``paper256`` and ``cifar``.
"""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers

PAPER = "Karras et al. 2020, https://arxiv.org/abs/1912.04958"
ADA = "Karras et al. 2020, https://arxiv.org/abs/2006.06676"
SOURCE = "NVlabs/stylegan2-ada-pytorch train.py"

_ORDER = "the discriminator's step comes first in an iteration, the source's generator's"
_PRECISION = "fp32, unless training.precision says bf16: the four finest resolutions then, which the source has in fp16"
_NOISE = "evaluated images have the layers' fixed noise, the source's metrics draw it anew for each image"
_CLASSES = "at evaluation generated classes have the train split's distribution"
ALWAYS = (_ORDER, _PRECISION, _NOISE)


def adam(learning_rate: float = 2e-3) -> tuple[Setting, ...]:
    """Return the settings of both optimizers, before the correction for lazy regularisation."""
    return both_optimizers(kind="adam", learning_rate=learning_rate, beta1=0.0, beta2=0.99, eps=1e-8)


def regularised(gamma: float) -> tuple[Setting, ...]:
    """Return the loss with R1 of this weight in every 16th iteration."""
    return (
        ("loss.name", "logistic"),
        ("loss.options.r1_gamma", gamma),
        ("training.penalty_every", 16),
        ("training.shared_fakes", False),
    )


def _published(
    *,
    gamma: float,
    learning_rate: float,
    batch_size: int,
    total_kimg: float,
    halflife_kimg: float,
    flip: bool,
    conditional: bool = False,
    **options: bool | int | float | str,
) -> tuple[Setting, ...]:
    """Return what a configuration of the source says."""
    return (
        *regularised(gamma),
        *adam(learning_rate),
        ("training.batch_size", batch_size),
        ("training.total_kimg", total_kimg),
        ("training.ema_halflife_kimg", halflife_kimg),
        ("training.horizontal_flip", flip),
        ("architecture.options.conditional", conditional),
        *((f"architecture.options.{name}", value) for name, value in options.items()),
    )


def _recipe(
    name: str, summary: str, resolution: int, settings: tuple[Setting, ...], deviations: tuple[str, ...], paper: str = PAPER
) -> RecipeSpec:
    return RecipeSpec(
        name=name,
        summary=summary,
        paper=f"{paper}; {SOURCE}",
        architecture="stylegan2",
        resolution=resolution,
        settings=settings,
        deviations=deviations,
    )


def recipes() -> list[RecipeSpec]:
    """Return them all."""
    return [_config_f(), _paper256(), *_cifar(), _small()]


def _config_f() -> RecipeSpec:
    return _recipe(
        "stylegan2-1024",
        "StyleGAN2 at 1024x1024, configuration F, as its authors train it on FFHQ",
        1024,
        _published(gamma=10.0, learning_rate=2e-3, batch_size=32, total_kimg=25_000.0, halflife_kimg=10.0, flip=True),
        ALWAYS,
    )


def _paper256() -> RecipeSpec:
    return _recipe(
        "stylegan2-256",
        "StyleGAN2 at 256x256 as the article on ADA trains it on FFHQ and LSUN; with --augment ada where images are few",
        256,
        _published(
            gamma=1.0,
            learning_rate=2.5e-3,
            batch_size=64,
            total_kimg=25_000.0,
            halflife_kimg=20.0,
            flip=True,
            channel_base=16384,
            stddev_group=8,
        ),
        ALWAYS,
        ADA,
    )


def _cifar() -> list[RecipeSpec]:
    """CIFAR-10 with labels, and without."""
    found = []
    for name, words, conditional, figure in (
        ("stylegan2-ada-cifar", "class-conditional StyleGAN2 with ADA", True, " (FID 2.42 there)"),
        ("stylegan2-ada-cifar-unconditional", "StyleGAN2 with ADA", False, ""),
    ):
        settings = (
            *_published(
                gamma=0.01,
                learning_rate=2.5e-3,
                batch_size=64,
                total_kimg=100_000.0,
                halflife_kimg=500.0,
                flip=False,
                conditional=conditional,
                mapping_layers=2,
                discriminator_kind="orig",
                stddev_group=32,
                style_mixing=0.0,
                path_weight=0.0,
                average_ramp=0.05,
            ),
            ("augmentation.name", "ada"),
        )
        deviations = (*ALWAYS, *([_CLASSES] if conditional else []))
        found.append(_recipe(name, f"{words} at 32x32 as its authors train it on CIFAR-10{figure}", 32, settings, deviations, ADA))
    return found


def _small() -> RecipeSpec:
    return _recipe(
        "stylegan2-small",
        "StyleGAN2 at 16x16 with 64 channels, for two cores",
        16,
        (
            *regularised(0.1),
            *adam(2.5e-3),
            ("training.batch_size", 32),
            ("training.total_kimg", 100.0),
            ("training.ema_halflife_kimg", 5.0),
            ("architecture.options.latent_dim", 64),
            ("architecture.options.mapping_layers", 2),
            ("architecture.options.channel_base", 1024),
            ("architecture.options.max_channels", 64),
            ("architecture.options.average_ramp", 0.05),
        ),
        (
            "16x16 pixels, 64 channels, w of 64 and 2 mapping layers, for two cores",
            "a budget of 100 kimg, gamma 0.1 and a half-life of 5 kimg",
            *ALWAYS,
            _CLASSES,
        ),
    )

"""The published ways to train R3GAN, and a small one for two cores. Nothing here imports torch.

The numbers are those of brownvc/R3GAN @19a7ddf train.py: learning rates 2e-4 to 5e-5, beta2 0.9 to 0.99, gamma to a tenth, the average's
half-life from 0, each along half a cosine over so many images.
"""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers

PAPER = "Huang et al. 2024, https://arxiv.org/abs/2501.05441"
SOURCE = "brownvc/R3GAN train.py"

_OWN_BATCH = "each network's step has a real batch and noise of its own, the discriminator's first; the source's order was not checked"
_PRECISION = "fp32, unless training.precision says bf16: all but the 4x4 maps then, where the source has bf16 in the top stages"
_CLASSES = "at evaluation generated classes have the train split's distribution"
_BUDGET = "the budget is as long as the schedules, and the source's is longer"


def adam(learning_rate: float = 2e-4) -> tuple[Setting, ...]:
    """Return the settings of both optimizers, where their schedules begin."""
    return both_optimizers(kind="adam", learning_rate=learning_rate, beta1=0.0, beta2=0.9, eps=1e-8)


def gammas(gamma: float) -> tuple[Setting, ...]:
    """Return the loss with both penalties of this weight."""
    return (("loss.name", "relativistic"), ("loss.options.r1_gamma", gamma), ("loss.options.r2_gamma", gamma))


_AUGMENTATION = (
    "the augmentation is StyleGAN2-ADA's bgc, each transformation alike; which ones the source takes, and how often, was not checked"
)


def _rising(probability: float, schedule_kimg: float) -> tuple[Setting, ...]:
    """Return the settings of an augmentation whose probability rises from 0 over so many images."""
    return (
        ("augmentation.name", "ada"),
        ("augmentation.options.target", "none"),
        ("augmentation.options.final_strength", probability),
        ("augmentation.options.ramp_kimg", schedule_kimg),
    )


def _published(
    *,
    gamma: float,
    probability: float,
    batch_size: int,
    schedule_kimg: float,
    halflife_kimg: float,
    conditional: bool,
    total_kimg: float | None = None,
    **options: int,
) -> tuple[Setting, ...]:
    """Return what a preset of the source says."""
    return (
        *gammas(gamma),
        *adam(),
        *_rising(probability, schedule_kimg),
        ("training.batch_size", batch_size),
        ("training.total_kimg", schedule_kimg if total_kimg is None else total_kimg),
        ("training.ema_halflife_kimg", halflife_kimg),
        ("training.horizontal_flip", True),
        ("training.shared_fakes", False),
        ("architecture.options.conditional", conditional),
        ("architecture.options.schedule_kimg", schedule_kimg),
        *((f"architecture.options.{name}", value) for name, value in options.items()),
    )


def _recipe(name: str, summary: str, resolution: int, settings: tuple[Setting, ...], deviations: tuple[str, ...]) -> RecipeSpec:
    paper = f"{PAPER}; {SOURCE}"
    return RecipeSpec(
        name=name, summary=summary, paper=paper, architecture="r3gan", resolution=resolution, settings=settings, deviations=deviations
    )


def recipes() -> list[RecipeSpec]:
    """Return them all."""
    return [*_cifar(), *_ffhq(), *_imagenet(), _small()]


def _cifar() -> list[RecipeSpec]:
    """CIFAR-10; its preset has labels, and the article's other figure none."""
    found = []
    for name, words, conditional in (("r3gan-cifar", "class-conditional R3GAN", True), ("r3gan-cifar-unconditional", "R3GAN", False)):
        settings = _published(
            gamma=0.05,
            probability=0.55,
            batch_size=512,
            schedule_kimg=20_000.0,
            halflife_kimg=5_000.0,
            conditional=conditional,
            total_kimg=250_000.0,
        )
        figure = " (FID 1.96 there)" if conditional else ""
        deviations = (_AUGMENTATION, _OWN_BATCH, _PRECISION, *([_CLASSES] if conditional else []))
        found.append(_recipe(name, f"{words} at 32x32 as its authors train it on CIFAR-10{figure}", 32, settings, deviations))
    return found


def _ffhq() -> list[RecipeSpec]:
    """Faces of 64x64 and 256x256."""
    return [
        _recipe(
            f"r3gan-ffhq-{resolution}",
            f"R3GAN at {resolution}x{resolution} as its authors train it on FFHQ (FID {fid} there)",
            resolution,
            _published(gamma=gamma, probability=0.3, batch_size=256, schedule_kimg=20_000.0, halflife_kimg=500.0, conditional=False),
            (_AUGMENTATION, _OWN_BATCH, _PRECISION, _BUDGET),
        )
        for resolution, gamma, fid in ((64, 2.0, "1.95"), (256, 150.0, "2.75"))
    ]


def _imagenet() -> list[RecipeSpec]:
    """ImageNet of 32x32 and 64x64, twice as wide, in groups of 32 channels."""
    return [
        _recipe(
            f"r3gan-imagenet-{resolution}",
            f"class-conditional R3GAN at {resolution}x{resolution} as its authors train it on ImageNet (FID {fid} there)",
            resolution,
            _published(
                gamma=gamma,
                probability=probability,
                batch_size=4096,
                schedule_kimg=200_000.0,
                halflife_kimg=50_000.0,
                conditional=True,
                width=1536,
                group_channels=32,
                full_width_resolution=resolution,
            ),
            (_AUGMENTATION, _OWN_BATCH, _PRECISION, _CLASSES, _BUDGET),
        )
        for resolution, gamma, probability, fid in ((32, 0.5, 0.5, "1.27"), (64, 1.0, 0.4, "2.09"))
    ]


def _small() -> RecipeSpec:
    return _recipe(
        "r3gan-small",
        "R3GAN at 16x16 with 64 channels, for two cores",
        16,
        (
            *gammas(0.5),
            *adam(1e-3),
            ("training.batch_size", 64),
            ("training.total_kimg", 100.0),
            ("training.ema_halflife_kimg", 5.0),
            ("training.shared_fakes", False),
            ("architecture.options.width", 64),
            ("architecture.options.latent_dim", 64),
        ),
        (
            "16x16 pixels, 64 channels in groups of 16 and batches of 64, for two cores",
            "a budget of 100 kimg, over which all schedules run; rates are five times the source's, gamma ten times its CIFAR-10's",
            "no augmentation: the source raises the probability of StyleGAN2-ADA's from 0 to 0.55 over the same images",
            _OWN_BATCH,
            _CLASSES,
        ),
    )

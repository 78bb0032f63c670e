"""CycleGAN's options and how it is registered; nothing here imports torch.

Zhu et al. 2017, https://arxiv.org/abs/1703.10593, as junyanz/pytorch-CycleGAN-and-pix2pix trains it (cycle_gan_model.py, base_options.py,
train_options.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import ArchitectureSpec, RecipeSpec, Settings, setting
from ganbench_translation.sizes import RESOLUTIONS, adam

PAPER = "Zhu et al. 2017, https://arxiv.org/abs/1703.10593"


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleGANOptions(Settings):
    """Options of CycleGAN; the defaults are the source's at 256x256, and what is unset goes by the resolution."""

    source_class: int = setting(0, least=0)
    """The class whose images are translated; with two folders as classes, the first by name."""
    target_class: int = setting(1, least=0)
    """The class that they are translated to."""
    width: int = setting(64, least=1)
    """Channels of the generators' first layer; doubled with each downsampling."""
    discriminator_width: int = setting(64, least=1)
    """Channels of the discriminators' first layer; doubled with each layer up to 8 times."""
    num_blocks: int | None = setting(None, least=1)
    """Residual blocks of a generator; unset: 9 from 256x256, 6 below."""
    num_downsamplings: int | None = setting(None, least=1)
    """Strided convolutions in front of the blocks; unset: 2 from 64x64, 1 below."""
    patch_layers: int | None = setting(None, least=1)
    """Strided convolutions of a discriminator; unset: 3 (patches of 70x70) from 128x128, 2 from 64x64, 1 below."""
    cycle_weight: float = setting(10.0, least=0)
    """lambda: weight of the L1 distance between an image and what comes back of it."""
    identity_weight: float = setting(0.5, least=0)
    """Weight of the L1 distance between a target image and its own translation, times cycle_weight; 0 leaves it out."""
    adversarial_weight: float = setting(2.0, least=0)
    """Weight of the generators' adversarial losses; 2 makes up for the half in the least-squares loss, which the source's has not."""
    pool_size: int = setting(50, least=0)
    """Generated images that are kept of each domain, to show a discriminator older ones too (Shrivastava et al. 2017); 0 keeps none."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.source_class == self.target_class:
            raise ValueError(f"target_class must differ from source_class (got {self.target_class} for both)")


def architecture() -> ArchitectureSpec:
    """Return the architecture."""
    return ArchitectureSpec(
        name="cyclegan",
        summary="CycleGAN between two classes of a dataset, or two folders of images",
        factory="ganbench_translation.cyclegan:build",
        options=CycleGANOptions,
        paper=PAPER,
        spaces=("images",),
        resolutions=RESOLUTIONS,
        losses=("least-squares", "logistic", "hinge"),
        algorithm="ganbench_translation.cycle_algorithm:CycleAlgorithm",
        defaults=(("loss.name", "least-squares"), ("training.ema_halflife_kimg", 0.0), ("training.channels_last", False)),
    )


def recipe_256() -> RecipeSpec:
    """Return the source's recipe."""
    return RecipeSpec(
        name="cyclegan-256",
        summary="CycleGAN at 256x256 as its authors train it on horse2zebra",
        paper=f"{PAPER}; junyanz/pytorch-CycleGAN-and-pix2pix",
        architecture="cyclegan",
        resolution=256,
        settings=(
            ("loss.name", "least-squares"),
            ("architecture.options.width", 64),
            ("architecture.options.discriminator_width", 64),
            ("architecture.options.num_blocks", 9),
            ("architecture.options.num_downsamplings", 2),
            ("architecture.options.patch_layers", 3),
            ("architecture.options.cycle_weight", 10.0),
            ("architecture.options.identity_weight", 0.5),
            ("architecture.options.adversarial_weight", 2.0),
            ("architecture.options.pool_size", 50),
            ("training.batch_size", 1),
            ("training.total_kimg", 266.8),
            ("training.ema_halflife_kimg", 0.0),
            ("training.horizontal_flip", True),
            *adam(schedule_start_kimg=133.4),
        ),
        deviations=(
            "the budget is the source's 200 epochs of 1,334 zebras; on other images it is as many pairs, not as many epochs",
            "images are mirrored at random, but not enlarged to 286x286 and cropped at random",
            "each domain is drawn in its own permutation; the source goes through one in order and draws the other at random",
            "the learning rate falls with every step, in the source once in an epoch",
        ),
    )

"""pix2pix's options and how it is registered; nothing here imports torch.

Isola et al. 2017, https://arxiv.org/abs/1611.07004, as junyanz/pytorch-CycleGAN-and-pix2pix trains it (pix2pix_model.py); the
discriminators at several scales and feature matching are those of Wang et al. 2018, https://arxiv.org/abs/1711.11585 (NVIDIA/pix2pixHD).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import ArchitectureSpec, RecipeSpec, Settings, setting
from ganbench_translation.sizes import RESOLUTIONS, adam

PAPER = "Isola et al. 2017, https://arxiv.org/abs/1611.07004"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pix2PixOptions(Settings):
    """Options of pix2pix; the defaults are the source's networks at 256x256, and what is unset goes by the resolution."""

    task: Literal["inpainting", "pairs"] = "inpainting"
    """inpainting hides a square of every image and asks for it; pairs takes the first half of an image's channels to the second."""
    hole: Literal["center", "random"] = "center"
    """Where the hidden square is; inpainting only."""
    hole_size: float = setting(0.5, above=0, below=1)
    """Side of the hidden square as a fraction of the resolution, above 0 and below 1; inpainting only."""
    direction: Literal["forward", "backward"] = "forward"
    """backward takes the second half of the channels to the first; pairs only."""
    width: int = setting(64, least=1)
    """Channels of the generator's first layer; doubled with each level up to 8 times."""
    discriminator_width: int = setting(64, least=1)
    """Channels of the discriminator's first layer; doubled with each layer up to 8 times."""
    dropout: float = setting(0.5, least=0, below=1)
    """Part of the features that is dropped in up to three layers of the decoder: the generator's only noise."""
    patch_layers: int | None = setting(None, least=1)
    """Strided convolutions of the discriminator; unset: 3 (patches of 70x70) from 128x128, 2 from 64x64, 1 below."""
    num_scales: int = setting(1, least=1)
    """Discriminators, each at half the resolution of the one before; pix2pixHD has 3."""
    l1_weight: float = setting(100.0, least=0)
    """Weight of the L1 distance between the output and the target."""
    feature_weight: float = setting(0.0, least=0)
    """Weight of the L1 distance between the discriminators' features of both, feature matching; pix2pixHD has 10."""
    discriminator_weight: float = setting(0.5, above=0)
    """Weight of the discriminator's loss; the source halves it to slow the discriminator down."""


def architecture() -> ArchitectureSpec:
    """Return the architecture."""
    return ArchitectureSpec(
        name="pix2pix",
        summary="pix2pix: inpainting of any dataset, or any other translation from pairs",
        factory="ganbench_translation.pix2pix:build",
        options=Pix2PixOptions,
        paper=PAPER,
        spaces=("images",),
        resolutions=RESOLUTIONS,
        losses=("logistic", "least-squares", "hinge"),
        algorithm="ganbench_translation.paired_algorithm:PairedAlgorithm",
        defaults=(("training.ema_halflife_kimg", 0.0),),
    )


def recipe_256() -> RecipeSpec:
    """Return the source's recipe."""
    return RecipeSpec(
        name="pix2pix-256",
        summary="pix2pix at 256x256 as its authors train it on facades, labels to photographs",
        paper=f"{PAPER}; junyanz/pytorch-CycleGAN-and-pix2pix",
        architecture="pix2pix",
        resolution=256,
        settings=(
            ("loss.name", "logistic"),
            ("architecture.options.task", "pairs"),
            ("architecture.options.direction", "backward"),
            ("architecture.options.width", 64),
            ("architecture.options.discriminator_width", 64),
            ("architecture.options.dropout", 0.5),
            ("architecture.options.patch_layers", 3),
            ("architecture.options.num_scales", 1),
            ("architecture.options.l1_weight", 100.0),
            ("architecture.options.feature_weight", 0.0),
            ("architecture.options.discriminator_weight", 0.5),
            ("training.batch_size", 1),
            ("training.total_kimg", 80.0),
            ("training.ema_halflife_kimg", 0.0),
            ("training.horizontal_flip", True),
            *adam(schedule_start_kimg=40.0),
        ),
        deviations=(
            "the budget is the source's 200 epochs of 400 facades; on other pairs it is as many images, not as many epochs",
            "images are mirrored at random, but not enlarged to 286x286 and cropped at random",
            "evaluated without dropout and with running batch statistics, so that an image depends on its input alone; the source tests "
            "with dropout and with the statistics of the image itself",
            "the learning rate falls with every step, in the source once in an epoch",
        ),
    )

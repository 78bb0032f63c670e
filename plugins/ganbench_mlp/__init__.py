"""Multilayer perceptrons for images and for points, and the recipes that the literature trains them by. Nothing here imports torch."""

from __future__ import annotations

from ganbench import ArchitectureSpec, RecipeSpec, both_optimizers, hookimpl
from ganbench_mlp import presets
from ganbench_mlp.options import CGANOptions, MLPOptions

LEARNING_RATE = 1e-3
"""For runs that no recipe describes: at Adam's usual 2e-4 the labels mean nothing yet after the 80 kimg of digits (docs/zoo.md)."""


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architectures and their recipes."""
    recipes = [presets.gan_2014(), presets.mlp_teaching(), presets.cgan(), presets.pacgan_2d(), presets.wgan_gp_toy()]
    return [_mlp(), _cgan_mlp(), *presets.articles(), *recipes]


def _mlp() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="mlp",
        summary="multilayer perceptrons for images of any size and for points, conditional or not",
        factory="ganbench_mlp.networks:build",
        options=MLPOptions,
        paper="Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661",
        conditional=True,
        packing=True,
        defaults=both_optimizers(learning_rate=LEARNING_RATE),
    )


def _cgan_mlp() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="cgan-mlp",
        summary="the multilayer perceptrons of the first conditional GAN, for labelled images of any size",
        factory="ganbench_mlp.conditional:build",
        options=CGANOptions,
        paper="Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784",
        conditional=True,
        defaults=(("training.batch_size", 32), *both_optimizers(learning_rate=LEARNING_RATE)),
    )

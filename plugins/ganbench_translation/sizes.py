"""What both families scale with the resolution: the resolutions themselves, and the patch that a discriminator looks at."""

from __future__ import annotations

from ganbench import Setting, both_optimizers

RESOLUTIONS = (8, 16, 28, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)
"""Multiples of four; the networks end at feature maps of 4x4 or more, or, for pix2pix, at an odd size or 1x1."""


def patch_layers(resolution: int) -> int:
    """Return the strided convolutions of a PatchGAN: 3 see 70x70 pixels, as published; 2 see 34x34 and 1 sees 16x16."""
    if resolution >= 128:
        return 3
    return 2 if resolution >= 64 else 1


def adam(*, schedule_start_kimg: float) -> tuple[Setting, ...]:
    """Return the optimizers of both recipes: Adam, a constant rate for the first half and a linear fall to 0 (train_options.py)."""
    fixed = both_optimizers(kind="adam", learning_rate=2e-4, beta1=0.5, beta2=0.999, eps=1e-8)
    return (*fixed, *both_optimizers(schedule="linear", schedule_start_kimg=schedule_start_kimg))

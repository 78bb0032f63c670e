"""A small configuration of each name that ganbench_resnet registers."""

from __future__ import annotations

from typing import Any

_SMALL: dict[str, Any] = {
    "dataset.name": "digits",
    "dataset.options.resolution": 8,
    "architecture.options.latent_dim": 8,
    "architecture.options.generator_width": 8,
    "architecture.options.discriminator_width": 8,
    "training.batch_size": 8,
    "training.d_steps": 2,
}
CASES: dict[str, dict[str, Any]] = dict.fromkeys(("resnet", "sngan", "sngan-projection", "wgan-gp", "acgan"), _SMALL)

"""A small configuration of each name that ganbench_dcgan registers."""

from __future__ import annotations

from typing import Any

_SMALL: dict[str, Any] = {
    "dataset.name": "digits",
    "dataset.options.resolution": 8,
    "architecture.options.latent_dim": 8,
    "architecture.options.generator_width": 4,
    "architecture.options.discriminator_width": 4,
    "training.batch_size": 8,
}
CASES: dict[str, dict[str, Any]] = dict.fromkeys(("dcgan", "dcgan-64", "dcgan-32", "dcgan-original", "dcgan-deep", "lsgan"), _SMALL)

"""Small configurations of BigGAN's architecture and recipes."""

from __future__ import annotations

from typing import Any

_NARROW: dict[str, Any] = {
    "dataset.name": "digits",
    "architecture.options.generator_width": 4,
    "architecture.options.discriminator_width": 4,
    "training.batch_size": 8,
    "training.d_steps": 1,
}

CASES: dict[str, dict[str, Any]] = {
    "biggan": {**_NARROW, "architecture.options.latent_dim": 12, "architecture.options.shared_dim": 8},
    "biggan-cifar": _NARROW,
    "biggan-cifar-studiogan": {**_NARROW, "architecture.options.latent_dim": 12, "architecture.options.attention_resolution": 8},
}

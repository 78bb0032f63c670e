"""Small configurations of SAGAN's architecture and recipes."""

from __future__ import annotations

from typing import Any

_NARROW: dict[str, Any] = {
    "dataset.name": "digits",
    "architecture.options.latent_dim": 8,
    "architecture.options.generator_width": 4,
    "architecture.options.discriminator_width": 4,
    "training.batch_size": 8,
    "training.d_steps": 1,
}

CASES: dict[str, dict[str, Any]] = {
    "sagan": _NARROW,
    "sagan-imagenet-128": {**_NARROW, "dataset.options.resolution": 32, "architecture.options.attention_resolution": 16},
    "sagan-cifar": {**_NARROW, "dataset.options.resolution": 16, "architecture.options.attention_resolution": 8},
    "sagan-small": _NARROW,
}

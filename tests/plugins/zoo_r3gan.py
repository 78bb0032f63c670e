"""R3GAN's networks and recipes, narrow: one block at each resolution, groups of 4 channels."""

from __future__ import annotations

from typing import Any

_NARROW: dict[str, Any] = {
    "dataset.name": "digits",
    "architecture.options.width": 8,
    "architecture.options.latent_dim": 8,
    "architecture.options.blocks": 1,
    "architecture.options.group_channels": 4,
    "training.batch_size": 8,
}

CASES: dict[str, dict[str, Any]] = {
    "r3gan": _NARROW,
    "r3gan-cifar": {**_NARROW, "dataset.options.resolution": 16},
    "r3gan-cifar-unconditional": {**_NARROW, "dataset.options.resolution": 16},
    "r3gan-ffhq-64": {**_NARROW, "dataset.options.resolution": 16},
    "r3gan-ffhq-256": {**_NARROW, "dataset.options.resolution": 64},
    "r3gan-imagenet-32": {**_NARROW, "dataset.options.resolution": 16},
    "r3gan-imagenet-64": {**_NARROW, "dataset.options.resolution": 16},
    "r3gan-small": _NARROW,
}

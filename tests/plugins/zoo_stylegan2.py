"""StyleGAN2's networks and recipes, narrow: w of 8, at most 8 channels, 2 mapping layers."""

from __future__ import annotations

from typing import Any

_NARROW: dict[str, Any] = {
    "dataset.name": "digits",
    "architecture.options.latent_dim": 8,
    "architecture.options.mapping_layers": 2,
    "architecture.options.channel_base": 128,
    "architecture.options.max_channels": 8,
    "training.batch_size": 8,
    "training.penalty_every": 2,
    "architecture.options.path_every": 2,
}

CASES: dict[str, dict[str, Any]] = {
    "stylegan2": _NARROW,
    "stylegan2-1024": {**_NARROW, "dataset.options.resolution": 16},
    "stylegan2-256": {**_NARROW, "dataset.options.resolution": 16},
    "stylegan2-ada-cifar": {**_NARROW, "dataset.options.resolution": 16},
    "stylegan2-ada-cifar-unconditional": {**_NARROW, "dataset.options.resolution": 16},
    "stylegan2-small": _NARROW,
}

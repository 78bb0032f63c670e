"""The cheapest sensible configuration of each architecture and recipe of the autoencoders, by configuration path."""

from __future__ import annotations

from typing import Any

_SMALL: dict[str, Any] = {"architecture.options.width": 8, "architecture.options.latent_dim": 4, "training.batch_size": 8}

_NARROW: dict[str, Any] = {
    "architecture.options.width": 4,
    "architecture.options.latent_dim": 4,
    "architecture.options.encoder_hidden": 8,
    "architecture.options.discriminator_hidden": 8,
    "training.batch_size": 8,
}

CASES: dict[str, dict[str, Any]] = {
    "vae": _SMALL,
    "vae-784": _SMALL,
    "vae-small": _SMALL,
    "vae-gan": _NARROW,
    "vae-gan-64": {**_NARROW, "training.total_kimg": 1.0},
    "vae-gan-small": _NARROW,
}

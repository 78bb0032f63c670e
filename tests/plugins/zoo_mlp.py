"""A small configuration of each name that ganbench_mlp registers."""

from __future__ import annotations

from typing import Any

_IMAGES: dict[str, Any] = {
    "dataset.name": "digits",
    "dataset.options.resolution": 8,
    "architecture.options.latent_dim": 8,
    "architecture.options.generator_widths": (12, 16),
    "architecture.options.discriminator_widths": (16, 12),
    "training.batch_size": 8,
}
_CGAN: dict[str, Any] = {
    "dataset.name": "digits",
    "dataset.options.resolution": 8,
    "architecture.options.latent_dim": 8,
    "architecture.options.latent_width": 8,
    "architecture.options.label_width": 8,
    "architecture.options.joint_width": 16,
    "architecture.options.image_units": 8,
    "architecture.options.label_units": 4,
    "architecture.options.joint_units": 8,
    "training.batch_size": 8,
}
_POINTS: dict[str, Any] = {
    "dataset.name": "ring8",
    "dataset.options.num_samples": 2000,
    "architecture.options.generator_widths": (16, 16),
    "architecture.options.discriminator_widths": (16, 16),
    "training.batch_size": 8,
}

CASES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("mlp", "mlp-tensorflow", "mlp-tensorflow-small", "mlp-pytorch", "mlp-teaching", "gan-2014"), _IMAGES),
    **dict.fromkeys(("cgan-mlp", "cgan"), _CGAN),
    "pacgan-2d": _POINTS,
    "wgan-gp-toy": {**_POINTS, "training.d_steps": 2},
}

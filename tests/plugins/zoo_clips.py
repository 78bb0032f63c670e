"""A small configuration of each name that ganbench_clips registers."""

from __future__ import annotations

from typing import Any

_FLIGHTS: dict[str, Any] = {
    "dataset.name": "moving-digits",
    "dataset.options.resolution": 16,
    "dataset.options.clips": 16,
    "training.batch_size": 4,
    "architecture.options.generator_width": 2,
    "architecture.options.discriminator_width": 2,
}
_MOCOGAN: dict[str, Any] = {
    **_FLIGHTS,
    "dataset.options.frames": 10,
    "architecture.options.content_dim": 4,
    "architecture.options.motion_dim": 3,
    "architecture.options.clip_batch": 2,
}
_VGAN: dict[str, Any] = {**_FLIGHTS, "dataset.options.frames": 4, "architecture.options.latent_dim": 8}

CASES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("mocogan", "mocogan-64", "mocogan-small"), _MOCOGAN),
    **dict.fromkeys(("vgan", "vgan-64", "vgan-small"), _VGAN),
}

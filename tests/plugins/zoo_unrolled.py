"""Unrolled GANs, narrow, on few points."""

from __future__ import annotations

from typing import Any

_NARROW: dict[str, Any] = {
    "dataset.name": "ring8",
    "dataset.options.num_samples": 2000,
    "architecture.options.latent_dim": 8,
    "architecture.options.width": 8,
    "architecture.options.unrolled_steps": 2,
    "training.batch_size": 8,
}

CASES: dict[str, dict[str, Any]] = {"unrolled": _NARROW, "unrolled-ring": _NARROW}

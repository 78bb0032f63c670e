"""The cheapest sensible configuration of each architecture and recipe of the translation family, by configuration path."""

from __future__ import annotations

from typing import Any

_NARROW: dict[str, Any] = {
    "architecture.options.width": 4,
    "architecture.options.discriminator_width": 4,
    "architecture.options.patch_layers": 1,
    "training.batch_size": 4,
}
_DIGITS: dict[str, Any] = {"dataset.name": "digits", "dataset.options.resolution": 8}
_PAIRS: dict[str, Any] = {"dataset.name": "synthetic", "dataset.options.resolution": 8, "dataset.options.channels": 2}
_CYCLE: dict[str, Any] = {**_DIGITS, **_NARROW, "architecture.options.num_blocks": 1, "architecture.options.pool_size": 6}

CASES: dict[str, dict[str, Any]] = {
    "cyclegan": _CYCLE,
    "cyclegan-256": {**_CYCLE, "architecture.options.num_downsamplings": 1},
    "pix2pix": {**_DIGITS, **_NARROW},
    "pix2pix-256": {**_PAIRS, **_NARROW, "dataset.options.num_images": 40},
}

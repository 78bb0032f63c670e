"""The cheapest sensible configuration of each architecture and recipe of the restoration family, by configuration path."""

from __future__ import annotations

from typing import Any

_PAIRS: dict[str, Any] = {
    "dataset.name": "restore",
    "dataset.options.of": "synthetic",
    "dataset.options.of_options": ("num_images=40",),
    "dataset.options.resolution": 32,
    "architecture.options.crop": 16,
    "architecture.options.width": 4,
    "architecture.options.num_blocks": 1,
    "training.batch_size": 4,
}
_DISCRIMINATOR: dict[str, Any] = {"architecture.options.discriminator_width": 2, "architecture.options.discriminator_hidden": 4}
_DENSE: dict[str, Any] = {**_PAIRS, "architecture.options.growth": 2}
_SRGAN, _ESRGAN = {**_PAIRS, **_DISCRIMINATOR}, {**_DENSE, **_DISCRIMINATOR}

CASES: dict[str, dict[str, Any]] = {
    "srresnet": _PAIRS,
    "srresnet-x4": _PAIRS,
    "srresnet-small": _PAIRS,
    "srgan": _SRGAN,
    "srgan-x4": _SRGAN,
    "srgan-small": _SRGAN,
    "rrdb": _DENSE,
    "rrdb-x4": _DENSE,
    "esrgan": _ESRGAN,
    "esrgan-x4": _ESRGAN,
    "esrgan-small": _ESRGAN,
}

"""The cheapest sensible configuration of each architecture and recipe of the ProGAN family, by configuration path."""

from __future__ import annotations

from typing import Any

_SMALL: dict[str, Any] = {"dataset.name": "digits", "architecture.options.max_channels": 4, "training.batch_size": 8}
_SHORT: dict[str, Any] = {"architecture.options.stage_kimg": None, "architecture.options.fade_kimg": None}
"""Instead of the source's lengths: those that fit any budget."""

CASES: dict[str, dict[str, Any]] = {
    "progressive": _SMALL,
    "progan": _SMALL,
    "progan-32": {**_SMALL, **_SHORT, "dataset.options.resolution": 32, "architecture.options.stddev_group": 4},
    "progan-1024": {**_SMALL, **_SHORT, "dataset.options.resolution": 64},
}

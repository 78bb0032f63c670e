"""The cheapest sensible configuration of each architecture and recipe of the detectors, by configuration path."""

from __future__ import annotations

from typing import Any

_DATA: dict[str, Any] = {"dataset.name": "anomalies", "dataset.options.resolution": 8, "training.batch_size": 4}
_NARROW: dict[str, Any] = {**_DATA, "architecture.options.latent_dim": 4, "architecture.options.width": 2}
_ANOGAN: dict[str, Any] = {**_NARROW, "architecture.options.hidden": 8, "architecture.options.search_steps": 3}
_F_ANOGAN: dict[str, Any] = {**_NARROW, "training.total_kimg": 0.06, "training.d_steps": 5, "architecture.options.gan_share": 0.5}

CASES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("ganomaly", "ganomaly-32", "ganomaly-small"), _NARROW),
    **dict.fromkeys(("anogan", "anogan-28", "anogan-small"), _ANOGAN),
    **dict.fromkeys(("f-anogan", "f-anogan-64", "f-anogan-small"), _F_ANOGAN),
    "pca": _DATA,
    "nearest-neighbours": {**_DATA, "architecture.options.capacity": 300},
}

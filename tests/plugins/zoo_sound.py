"""A small configuration of each name that ganbench_sound registers."""

from __future__ import annotations

from typing import Any

_TONES: dict[str, Any] = {
    "dataset.name": "spoken-digits",
    "dataset.options.source": "tones",
    "dataset.options.length": 256,
    "dataset.options.voices": 4,
    "dataset.options.takes": 1,
    "architecture.options.latent_dim": 8,
    "architecture.options.width": 4,
    "training.batch_size": 8,
}
CASES: dict[str, dict[str, Any]] = {
    "wavegan": {**_TONES, "architecture.options.conditional": True},
    "wavegan-sc09": {**_TONES, "training.d_steps": 2},
    "wavegan-small": _TONES,
    "specgan": {**_TONES, "architecture.options.conditional": True, "architecture.options.griffin_lim": 2},
    "specgan-sc09": {**_TONES, "training.d_steps": 2, "architecture.options.width": 6, "architecture.options.griffin_lim": 2},
    "specgan-small": {**_TONES, "architecture.options.griffin_lim": 2},
}

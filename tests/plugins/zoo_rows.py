"""A small configuration of each name that ganbench_rows registers."""

from __future__ import annotations

from typing import Any

_TABLE: dict[str, Any] = {"dataset.name": "iris", "dataset.options.max_modes": 3, "training.batch_size": 8}
_CTGAN: dict[str, Any] = {
    **_TABLE,
    "training.packing": 2,
    "architecture.options.latent_dim": 8,
    "architecture.options.generator_widths": (12, 12),
    "architecture.options.discriminator_widths": (12, 12),
}

CASES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("ctgan", "ctgan-500", "ctgan-small"), _CTGAN),
    **dict.fromkeys(("independent-marginals", "gaussian-copula"), _TABLE),
}

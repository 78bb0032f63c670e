"""The cheapest sensible configuration of each architecture and recipe of the autoencoders, by configuration path."""

from __future__ import annotations

from typing import Any

_SMALL: dict[str, Any] = {"architecture.options.width": 8, "architecture.options.latent_dim": 4, "training.batch_size": 8}

CASES: dict[str, dict[str, Any]] = {"vae": _SMALL, "vae-784": _SMALL, "vae-small": _SMALL}

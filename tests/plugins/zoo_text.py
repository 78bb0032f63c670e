"""A small configuration of each name that ganbench_text registers."""

from __future__ import annotations

from typing import Any

_ORACLE: dict[str, Any] = {
    "dataset.options.vocabulary": 12,
    "dataset.options.length": 6,
    "dataset.options.num_texts": 40,
    "dataset.options.hidden": 4,
    "training.batch_size": 8,
    "architecture.options.embedding": 4,
    "architecture.options.hidden": 5,
}
_ADVERSARIAL: dict[str, Any] = {**_ORACLE, "training.d_steps": 2, "architecture.options.likelihood_kimg": 0.008}
_SEQGAN: dict[str, Any] = {
    **_ADVERSARIAL,
    "architecture.options.discriminator_kimg": 0.004,
    "architecture.options.rollouts": 2,
    "architecture.options.discriminator_embedding": 4,
    "architecture.options.filter_sizes": (1, 3),
    "architecture.options.filters": (5, 6),
}
_GUMBEL: dict[str, Any] = {
    **_ADVERSARIAL,
    "architecture.options.discriminator_embedding": 6,
    "architecture.options.num_representations": 3,
    "architecture.options.filters": 4,
}
_CHARACTERS: dict[str, Any] = {
    "dataset.name": "oracle",
    **{path: value for path, value in _ORACLE.items() if not path.startswith("architecture")},
    "training.d_steps": 2,
    "architecture.options.latent_dim": 4,
    "architecture.options.width": 8,
    "architecture.options.num_blocks": 1,
}

CASES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("language-model", "mle-oracle", "mle-small"), _ORACLE),
    **dict.fromkeys(("seqgan", "seqgan-oracle", "seqgan-small"), _SEQGAN),
    **dict.fromkeys(("gumbel-softmax", "gumbel-oracle", "gumbel-small"), _GUMBEL),
    **dict.fromkeys(("character-gan", "wgan-gp-characters", "wgan-gp-characters-small"), _CHARACTERS),
}

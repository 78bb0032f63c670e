"""The losses, penalties and orders of updates that every runner must handle, as settings of a run."""

from __future__ import annotations

from typing import Any

_ALONE = {"architecture.options.discriminator_norm": "none"}  # for penalties on single samples
_GP = {"loss.name": "wasserstein", "loss.options.gp_weight": 10.0, **_ALONE}
_R1 = {"loss.options.r1_gamma": 1.0, **_ALONE}
_RMSPROP = {"generator_optimizer.kind": "rmsprop", "discriminator_optimizer.kind": "rmsprop"}

OBJECTIVES: dict[str, dict[str, Any]] = {
    "logistic": {},
    "logistic-apart": {"training.shared_fakes": False},
    "logistic-5-steps": {"training.d_steps": 5},
    "hinge": {"loss.name": "hinge"},
    "least-squares": {"loss.name": "least-squares"},
    "wasserstein-clipped": {"loss.name": "wasserstein", **_RMSPROP},
    "wasserstein-clipped-5-steps": {"loss.name": "wasserstein", "training.d_steps": 5, **_RMSPROP},
    "wasserstein-gp": _GP,
    "wasserstein-gp-5-steps": {**_GP, "training.d_steps": 5},
    "r1": _R1,
    "r1-apart": {**_R1, "training.shared_fakes": False},
    "r1-5-steps": {**_R1, "training.d_steps": 5},
    "r1-every-4th": {**_R1, "training.penalty_every": 4},
    "conditional-mirrored": {"architecture.options.conditional": True, "training.horizontal_flip": True},
    "late-average": {"training.ema_start_kimg": 0.25},
    "falling-rate": {"training.total_kimg": 1.0, "generator_optimizer.schedule": "linear", "discriminator_optimizer.schedule": "cosine"},
    "bf16": {"training.precision": "bf16"},
    "bf16-r1": {"training.precision": "bf16", **_R1},
    "nchw": {"training.channels_last": False},
}

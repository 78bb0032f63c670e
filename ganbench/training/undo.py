"""Trial iterations whose every effect is taken back: for choosing threads, counting FLOPs, warming up and capturing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ganbench.training.algorithm import Algorithm
from ganbench.training.seeding import global_state, set_global_state


@contextmanager
def undone(algorithm: Algorithm, device: torch.device) -> Iterator[None]:
    """Take back, in place, what happens to weights, optimizers, random streams and the sampler in this block."""
    saved: dict[str, Any] = copy.deepcopy(algorithm.state_dict())
    rng = global_state(device)
    try:
        yield
    finally:
        algorithm.load_state_dict(saved)
        set_global_state(rng, device)

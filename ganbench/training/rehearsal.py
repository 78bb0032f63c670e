"""The first iterations of a run, taken back: what a runner must repeat before it may have the run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ganbench.errors import RunFailed
from ganbench.training.algorithm import Steps
from ganbench.training.seeding import global_state, set_global_state


@contextmanager
def undone(algorithm: Steps, device: torch.device) -> Iterator[None]:
    """Take back, in place, what happens to weights, optimizers, random streams and the sampler in this block."""
    saved: dict[str, Any] = copy.deepcopy(algorithm.state_dict())
    rng = global_state(device)
    try:
        yield
    finally:
        algorithm.load_state_dict(saved)
        set_global_state(rng, device)


_ITERATIONS = 3
_TOLERANCE = 0.02
"""Relative and absolute: what adds or rounds in another order moves a loss by far less, a value that stands still by far more."""


def rehearse(algorithm: Steps, device: torch.device, step: Callable[[int], None]) -> Tensor:
    """Return the losses of a few iterations, ``[n, 2]`` on the CPU; the algorithm is left as it was found."""
    with undone(algorithm, device):
        start = len(algorithm.trajectory())
        for iteration in range(_ITERATIONS):
            step(iteration)
        return algorithm.trajectory()[start:]


def require_repetition(found: Tensor, expected: Tensor, kind: str) -> None:
    """Compare the losses of a runner with the eager ones.

    Args:
        found: ``[n, 2]``, the runner's.
        expected: the same, eager.
        kind: what the runner's steps are: ``captured`` or ``compiled``.

    Raises:
        RunFailed: they differ by more than rounding.
    """
    if len(expected) == 0:
        raise RunFailed(f"the {kind} steps tell no losses to compare with the eager ones", hint="use --runner eager")
    if not torch.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
        raise RunFailed(
            f"the {kind} steps do not repeat the eager ones (losses {found.tolist()}, eagerly {expected.tolist()})",
            hint="a plugin may do work on the host in a step; use --runner eager",
        )

"""The first iterations of a run, taken back: what a runner must repeat before it may have the run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path

from ganbench.errors import RunFailed
from ganbench.training.algorithm import Steps
from ganbench.training.seeding import global_state, set_global_state


@contextmanager
def undone(algorithm: Steps, device: torch.device) -> Iterator[dict[str, Any]]:
    """Take back, in place, what this block does to weights, optimizers, random streams and the sampler; yield their state before it."""
    saved: dict[str, Any] = copy.deepcopy(algorithm.state_dict())
    rng = global_state(device)
    try:
        yield saved
    finally:
        algorithm.load_state_dict(saved)
        set_global_state(rng, device)


_ITERATIONS = 3
_TOLERANCE = 0.5
"""Of a movement. Rounding as coarse as bf16's turns signs of Adam's first steps, a fifth of it; what stands still is off by all."""
Movements = dict[str, list[Tensor]]
"""How far a few iterations move each part of a state: parameters, running statistics, averages of gradients; on the CPU."""


def rehearse(algorithm: Steps, device: torch.device, step: Callable[[int], None]) -> Movements:
    """Return what a few iterations move; the algorithm is left as it was found."""
    buffers = {(name, buffer) for name, module in algorithm.modules().items() for buffer, _ in module.named_buffers()}
    moved: Movements = {}
    with undone(algorithm, device) as before:
        for iteration in range(_ITERATIONS):
            step(iteration)
        old = dict(tree_flatten_with_path(before)[0])
        for path, new in tree_flatten_with_path(algorithm.state_dict())[0]:
            kind, *names = (getattr(key, "key", None) for key in path)
            if kind == "modules":
                names[1:] = ["buffers" if tuple(names) in buffers else "parameters"]
            if path in old and isinstance(new, (Tensor, int, float)):
                moved.setdefault(" ".join(map(str, (kind, *names[:1], *names[1:][-1:]))), []).append(_difference(new, old[path]))
    return moved


def _difference(new: Tensor | float, old: Tensor | float) -> Tensor:
    """Return the difference of numbers; of a random stream's state, which is bytes, only whether there is one."""
    after, before = torch.as_tensor(new).cpu(), torch.as_tensor(old).cpu()
    return ((after != before).any() if after.dtype == torch.uint8 else after.float() - before.float()).float().nan_to_num()


def require_repetition(found: Movements, expected: Movements, kind: str) -> None:
    """Compare what a runner's steps, which are ``captured`` or ``compiled``, move with what the eager ones move.

    Raises:
        RunFailed: a part moves otherwise, by more than rounding.
    """
    for part, moved in expected.items():
        off, whole = (
            math.sqrt(sum(float(one.double().square().sum()) for one in tensors))
            for tensors in ([one - other for one, other in zip(found[part], moved, strict=True)], moved)
        )
        if off > _TOLERANCE * whole:
            raise RunFailed(
                f"the {kind} steps do not repeat the eager ones ({part}: off by {off:.3g}, which eagerly move by {whole:.3g})",
                hint="a plugin may do work on the host in a step; use --runner eager",
            )

"""What a process holds in memory: how much, and which objects. Loaded by ``side_process.py``, in a tree of any version."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

_MOST_NODES = 200_000
"""Of autograd's graphs, which are walked in Python."""
_FEWEST_CENSUSES = 3
_NAMED = 6
"""Kinds of object that are named when they grow."""
TENSOR, NODE = "tensor", "graph node"


def bytes_in_use(device: Any) -> int:
    """Return what is taken of the device by tensors on a GPU, else of the host by this process; 0 where nobody says."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Census:
    """The objects that are alive after some steps."""

    steps: int
    counts: Counter[str]
    """By kind: ``tensor float32[64, 1]``, ``graph node MulBackward0``, ``object dict``."""
    sizes: dict[str, int]
    """Bytes of a tensor of each kind."""

    def total(self, family: str) -> int:
        """Return how many there are of a family of kinds."""
        return sum(count for kind, count in self.counts.items() if kind.startswith(family))


_OWN = (Census, Counter)


def begin_censuses() -> None:
    """Set aside what is alive now, a few hundred thousand objects: then a census is of what came later, and takes a moment."""
    gc.collect()
    gc.freeze()


def take_census(steps: int) -> Census:
    """Count what has come since :func:`begin_censuses`, and is alive when all garbage is collected."""
    import torch

    gc.collect()
    counts: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    roots = []
    for item in gc.get_objects():
        kind = type(item)  # and not isinstance, which asks proxies and may fail
        if not issubclass(kind, torch.Tensor):
            counts[f"object {kind.__name__}"] += kind not in _OWN
            continue
        with contextlib.suppress(RuntimeError):  # a lazy one has no shape yet
            name = f"{TENSOR} {str(item.dtype).removeprefix('torch.')}{list(item.shape)}"
            counts[name] += 1
            sizes[name] = item.element_size() * item.nelement()
            if item.grad_fn is not None:
                roots.append(item.grad_fn)
    counts.update(f"{NODE} {name}" for name in _graph(roots))
    return Census(steps, counts, sizes)


def _graph(roots: Iterable[Any]) -> list[str]:
    """Return the types of all nodes that some lead to; a chain of them is as long as it is, so this does not recurse."""
    left = list(roots)
    seen: set[Any] = set()
    while left and len(seen) < _MOST_NODES:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            left += [following for following, _ in node.next_functions]
    return [type(node).__name__ for node in seen]


def growth_of(censuses: Sequence[Census]) -> dict[str, Any] | None:
    """Return how many objects each step leaves behind, and of which kinds; None for too few censuses.

    What grows does so from each of the last three censuses to the next: what fills up, as a pool does, or comes and goes is no growth.
    """
    last = censuses[-_FEWEST_CENSUSES:]
    if len(last) < _FEWEST_CENSUSES:
        return None
    kinds = {kind for census in last for kind in census.counts}
    rates = {kind: _rate([(one.steps, one.counts[kind]) for one in last]) for kind in kinds}
    growing = sorted(
        (kind for kind in rates if rates[kind] > 0), key=lambda kind: (not kind.startswith((TENSOR, NODE)), -rates[kind], kind)
    )
    return {
        "per_step": {family: _rate([(one.steps, one.total(family)) for one in last]) for family in (TENSOR, NODE)},
        "named": [[kind, rates[kind], rates[kind] * last[-1].sizes.get(kind, 0)] for kind in growing[:_NAMED]],
        "steps": last[-1].steps - last[0].steps,
    }


def _rate(counts: Sequence[tuple[int, int]]) -> float:
    """Return the smallest growth per step between two neighbours; 0 where it does not grow between all."""
    rates = [(after - before) / max(1, later - step) for (step, before), (later, after) in pairwise(counts)]
    return max(0.0, min(rates))

"""A CUDA graph in software: what a phase does to tensors is recorded once and repeated without its Python.

As on a GPU, a number of the host, an address or a Python branch stands still in what was recorded, reading a tensor's value is refused, and
random numbers go on. Unlike there, recording executes the phase, and freed memory is not used again by what comes later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

FORBIDDEN = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero", "aten::equal", "aten::masked_select"}


@dataclass(frozen=True, slots=True)
class Call:
    """One operation with the tensors that it read and wrote."""

    function: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    fresh: tuple[Tensor | None, ...]
    """Its outputs; None for one that is an input or a view of one."""

    def repeat(self) -> None:
        """Do it again, and put the results where the first ones were."""
        results = tree_leaves(self.function(*self.arguments, **self.keywords))
        for before, now in zip(self.fresh, results, strict=True):
            if before is not None and before.data_ptr() != now.data_ptr():
                before.copy_(now)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records every operation below autograd."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name
        if name in FORBIDDEN:
            raise RuntimeError(f"operation not permitted when stream is capturing: {name}")
        results = function(*args, **(kwargs or {}))
        aliases = [value.alias_info for value in function._schema.returns]
        if function._schema.is_mutable or not aliases or any(alias is None for alias in aliases):
            leaves = tree_leaves(results)
            per_leaf = aliases if len(aliases) == len(leaves) else [None] * len(leaves)
            fresh = tuple(
                _as_it_is(x) if isinstance(x, Tensor) and alias is None else None for x, alias in zip(leaves, per_leaf, strict=True)
            )
            self.calls.append(Call(function, tree_map(_as_it_is, args), tree_map(_as_it_is, kwargs or {}), fresh))
        return results


def _as_it_is(value: Any) -> Any:
    """Return another tensor of the same memory: autograd gives some of its own another shape in place, as ``unsqueeze_`` does."""
    return value.detach() if isinstance(value, Tensor) else value


class RecordedGraphs:
    """Takes the place of :class:`ganbench.training.graph_runner.CudaGraphs`."""

    def __init__(self) -> None:
        self.captures = 0

    def renew(self) -> None:
        """Nothing is shared between recordings."""

    def warm_up(self, phase: Callable[[], None]) -> None:
        """Execute a phase."""
        phase()

    def capture(self, phase: Callable[[], None]) -> Callable[[], None]:
        """Execute a phase, and return what repeats it."""
        self.captures += 1
        with Recorder() as recorder:
            phase()

        @torch.no_grad()
        def replay() -> None:
            for call in recorder.calls:
                call.repeat()

        return replay

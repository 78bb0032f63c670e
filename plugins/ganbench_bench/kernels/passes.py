"""How many bytes PyTorch's operations move, counted one by one: what fusing saves, as arithmetic and not as a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganbench_bench.kernels.case import Case, Pass
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.sizes import Sizes
from ganbench_bench.kernels.work import prepare

MAPS = Sizes(features=((8, 64, 32, 32),), images=((8, 3, 32, 32),), logits=(64,))
FUSED = ("bias_act", "filtered_lrelu", "minibatch_stddev", "scaled_bias_act", "upfirdn2d", "fused_adam_ema")
"""The ops of the table: those whose baseline is several passes."""


class BytesMoved(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what every operation inside reads and writes; views and empty results move nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        read = _tensors((args, kwargs))
        mutable = _tensors(
            [a for a, said in zip(args, func._schema.arguments, strict=False) if said.alias_info and said.alias_info.is_write]
        )
        before = [t.clone() for t in mutable]
        results = func(*args, **(kwargs or {}))
        changed = [t for t, old in zip(mutable, before, strict=True) if not torch.equal(t, old)]  # some may be, and are not
        known = {t.untyped_storage().data_ptr() for t in read}
        fresh = [t for t in _tensors(results) if t.untyped_storage().data_ptr() not in known]
        if (fresh or changed) and "empty" not in func.__name__:
            self.total += _bytes([*read, *changed, *fresh])
        return results


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _bytes(tensors: Iterable[Tensor]) -> int:
    """Sum them; what is expanded is in memory once."""
    return sum(min(t.numel() * t.element_size(), t.untyped_storage().nbytes()) for t in tensors)


def bytes_moved(call: Callable[[], object]) -> int:
    """Return what the operations of a call read and write."""
    with BytesMoved() as counted:
        call()
    total: int = counted.total
    return total


def passes_table() -> str:
    """Return, as Markdown, the bytes for each bf16 element of the input: of PyTorch's operations, and of one pass.

    The first case of each op in ``channels_last``, or the only one, on a map of 8x64x32x32.
    """
    lines = ["| | eager forward | ours | eager backward | ours |", "| --- | --- | --- | --- | --- |"]
    for op in FUSED:
        found = cases_of(op, MAPS, (torch.bfloat16,), ("channels_last",))
        assert not isinstance(found, Missing)
        for case in {case.title: case for case in found}.values():
            cells = [cell for wanted in ("forward", "backward") for cell in _cells(case, wanted)]
            lines.append(f"| `{op}`: {case.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(case: Case, wanted: Pass) -> tuple[str, str]:
    if wanted not in case.num_bytes:
        return "-", "-"
    work = prepare(case, wanted, case.plain, torch.device("cpu"), seed=0)
    elements = torch.Size(case.shape).numel()
    return f"{bytes_moved(work.call) / elements:.1f}", f"{case.num_bytes[wanted] / elements:.1f}"

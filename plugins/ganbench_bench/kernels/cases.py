"""All ops with their cases."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import torch

from ganbench_bench.kernels.case import Case
from ganbench_bench.kernels.sizes import Sizes
from ganbench_bench.names import OPS


@dataclass(frozen=True, slots=True)
class Missing:
    """An op that cannot be measured at all."""

    op: str
    reason: str


def cases_of(op: str, sizes: Sizes, dtypes: tuple[torch.dtype, ...], layouts: tuple[str, ...]) -> list[Case] | Missing:
    """Return the cases of an op, or why there are none.

    Args:
        op: one of :data:`ganbench_bench.names.OPS`.
        sizes: the shapes.
        dtypes: of the main input.
        layouts: a case for which the layout makes no difference is always there.
    """
    module = importlib.import_module(f"ganbench_bench.kernels.ops.{OPS[op]}")
    try:
        made: list[Case] = module.cases(sizes, dtypes)
    except ImportError as error:
        return Missing(op, f"ganbench_kernels has no {op}: {error}")
    return [case for case in made if not case.layout or case.layout in layouts]

"""The launches of the sums of squares, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.jit.sum_of_squares import plan_sum_of_squares


def plan(dtype: torch.dtype, *, size: int, chunks: int) -> Planned:
    """Plan one; what it stores is one number for each program."""
    x = torch.empty(64, 3, size, size, dtype=dtype, device="meta")
    sums = torch.empty(64, chunks, dtype=torch.float64 if dtype == torch.float64 else torch.float32, device="meta")
    return Planned(plan_sum_of_squares(x, sums), wide=False)


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "fp32": plan(torch.float32, size=64, chunks=1),
        "fp32-in-chunks": plan(torch.float32, size=256, chunks=6),
        "bf16-in-chunks": plan(torch.bfloat16, size=256, chunks=6),
        "fp64": plan(torch.float64, size=64, chunks=1),
    }

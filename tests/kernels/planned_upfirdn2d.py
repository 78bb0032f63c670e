"""The launches of upfirdn2d, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.jit.upfirdn2d import plan_upfirdn2d
from ganbench_kernels.upfirdn2d import Sides, empty_output


def plan(dtype: torch.dtype, *, up: int = 1, down: int = 1, sides: Sides, last: bool = False, count: int = 4) -> Planned:
    """Plan one. Neighbouring results need pixels that lie apart, so that loads are of single numbers."""
    x = torch.empty(64, 64, 32, 32, dtype=dtype, device="meta")
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    filter = torch.empty(count, device="meta")
    y = empty_output(x, filter, up, down, sides)
    return Planned(plan_upfirdn2d(x, filter, y, up, down, sides, 4.0, False), wide=False)


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "up": plan(torch.float32, up=2, sides=(2, 1, 2, 1)),
        "up-bf16-channels-last": plan(torch.bfloat16, up=2, sides=(2, 1, 2, 1), last=True),
        "down": plan(torch.float32, down=2, sides=(1, 1, 1, 1)),
        "down-bf16-channels-last": plan(torch.bfloat16, down=2, sides=(1, 1, 1, 1), last=True),
        "filter-bf16": plan(torch.bfloat16, sides=(1, 1, 1, 1)),
        "long-up": plan(torch.float32, up=2, sides=(6, 5, 6, 5), count=12),
        "fp64": plan(torch.float64, up=2, sides=(2, 1, 2, 1)),
    }

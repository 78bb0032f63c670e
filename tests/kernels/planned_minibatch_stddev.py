"""The launches of minibatch_stddev, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.jit.minibatch_stddev import plan_backward, plan_forward, table
from ganbench_kernels.minibatch_stddev import empty_result


def plan(dtype: torch.dtype, *, back: bool = False, last: bool = False, parts: int = 1, size: int = 4) -> Planned:
    """Plan one; a row of the result is one channel longer than a vector, so that channels last has accesses of single numbers."""
    x = torch.empty(32, 512, size, size, dtype=dtype, device="meta")
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    y, t = empty_result(x, parts), table(x, parts, 4)
    wide = torch.promote_types(dtype, torch.float32)
    if back:
        launch = plan_backward(y, x, torch.empty(t.groups, parts, dtype=wide, device="meta"), x, t)
    else:
        launch = plan_forward(x, y, torch.empty(t.groups, parts, t.blocks, dtype=wide, device="meta"), t)
    return Planned(launch, wide=False, registers=80)


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "fp32": plan(torch.float32),
        "bf16": plan(torch.bfloat16),
        "bf16-channels-last": plan(torch.bfloat16, last=True),
        "two-parts": plan(torch.float32, parts=2, size=5),
        "backward-fp32": plan(torch.float32, back=True),
        "backward-bf16-channels-last": plan(torch.bfloat16, back=True, last=True),
        "backward-fp64": plan(torch.float64, back=True),
    }

"""The launches of fused_adam_ema, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.jit.fused_adam_ema import TENSORS, plan_fused_adam_ema


def plan(dtype: torch.dtype, *, averaged: bool = True, count: int = TENSORS, weight_decay: float = 0.0) -> Planned:
    """Plan one."""
    one, scalar = torch.empty(4096, dtype=dtype, device="meta"), torch.empty((), device="meta")
    tensors = [*([one] * count for _ in range(5)), [scalar] * count]
    blocks, numels = torch.empty(4 * count, 2, dtype=torch.int32, device="meta"), torch.empty(count, dtype=torch.int64, device="meta")
    launch = plan_fused_adam_ema(
        tensors, scalar, scalar, blocks, numels, averaged=averaged, betas=(0.0, 0.99), eps=1e-8, weight_decay=weight_decay
    )
    return Planned(launch, registers=128)


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "fp32": plan(torch.float32),
        "fp32-without-average": plan(torch.float32, averaged=False, count=3, weight_decay=0.01),
        "bf16": plan(torch.bfloat16, count=1),
        "fp64": plan(torch.float64, count=2),
    }

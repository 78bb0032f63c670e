"""The quantiser's launches, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.jit.to_uint8 import plan_to_uint8


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    y = torch.empty(64, 3, 64, 64, dtype=torch.uint8, device="meta")
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    return {name: Planned(plan_to_uint8(torch.empty(64, 3, 64, 64, dtype=dtype, device="meta"), y)) for name, dtype in dtypes.items()}

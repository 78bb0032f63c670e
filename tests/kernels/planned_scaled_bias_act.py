"""The launches of scaled_bias_act, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.bias_act_ops import Curve
from ganbench_kernels.jit.scaled_bias_act import empty_sums, plan_backward, plan_forward


def plan(dtype: torch.dtype, *, back: bool = False, last: bool = False, size: int = 32, bare: bool = False) -> Planned:
    """Plan one."""
    x = torch.empty(32, 128, size, size, dtype=dtype, device="meta")
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    wide = torch.promote_types(dtype, torch.float32)
    scale, bias = (torch.empty(shape, dtype=wide, device="meta") for shape in ((32, 128), (128,)))
    noise = None if bare else torch.empty(32, 1, size, size, dtype=wide, device="meta")
    curve = Curve(0.2, 2**0.5, 256.0)
    if back:
        return Planned(plan_backward(x, x, scale, noise, bias, x, empty_sums(x, scale, noise, bias), curve), registers=96)
    return Planned(plan_forward(x, scale, noise, bias, x, curve))


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "fp32": plan(torch.float32),
        "bf16-channels-last": plan(torch.bfloat16, last=True),
        "small": plan(torch.bfloat16, size=4, bare=True),
        "backward-fp32": plan(torch.float32, back=True),
        "backward-bf16-channels-last": plan(torch.bfloat16, back=True, last=True),
        "backward-small": plan(torch.bfloat16, back=True, size=4),
        "backward-fp64": plan(torch.float64, back=True),
    }

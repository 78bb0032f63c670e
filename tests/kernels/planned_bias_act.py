"""The launches of bias_act, for cross-compilation."""

from __future__ import annotations

from typing import Any

import torch
from cross_compile import Planned

from ganbench_kernels.bias_act_ops import Curve
from ganbench_kernels.jit.bias_act_plan import plan_backward, plan_forward, table

PLAIN, FULL = Curve(0.2, 1.0, None), Curve(0.2, 2**0.5, 256.0)


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    large, small, uneven = (128, 64, 64, 64), (128, 512, 4, 4), (128, 80, 48, 48)
    return {
        "forward-bf16-last": _forward(large, torch.bfloat16, torch.channels_last, PLAIN),
        "forward-bf16-first": _forward(large, torch.bfloat16, torch.contiguous_format, PLAIN),
        "forward-fp32-small-planes": _forward(small, torch.float32, torch.contiguous_format, FULL),
        "backward-bf16-last": _backward(large, torch.bfloat16, torch.channels_last, PLAIN),
        "backward-fp32-last": _backward(uneven, torch.float32, torch.channels_last, FULL),
        "backward-bf16-first": _backward(large, torch.bfloat16, torch.contiguous_format, FULL),
        "backward-fp64-first": _backward(small, torch.float64, torch.contiguous_format, FULL),
        "double-backward-bf16-last": _double_backward(large, torch.bfloat16, torch.channels_last, FULL),
    }


def _meta(shape: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta", memory_format=layout)


def _vector(y: torch.Tensor) -> torch.Tensor:
    return torch.empty(y.shape[1], device="meta")


def _forward(*tensor: Any) -> Planned:
    y = _meta(*tensor[:3])
    return Planned(plan_forward(y, _vector(y), y, tensor[3]))


def _backward(*tensor: Any) -> Planned:
    y = _meta(*tensor[:3])
    sums = table(y, vectors=1, sums=True)
    return Planned(plan_backward(y, None, y, y, sums, sums.empty_partial(y), tensor[3]))


def _double_backward(*tensor: Any) -> Planned:
    y = _meta(*tensor[:3])
    return Planned(plan_backward(y, _vector(y), y, y, table(y, vectors=2), None, tensor[3]))

"""What scaled_bias_act is tried with."""

from __future__ import annotations

import torch
from torch import Tensor

RTOL = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}
LEFT_OUT: dict[str, tuple[int, ...]] = {"all": (), "no scale": (1,), "no noise": (2,), "no bias": (3,), "nothing": (1, 2, 3)}
"""By name: which of x, scale, noise and bias are None."""


def drawn(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(
    name: str = "all",
    shape: tuple[int, ...] = (3, 5, 4, 6),
    dtype: torch.dtype = torch.float64,
    layout: torch.memory_format = torch.contiguous_format,
) -> list[Tensor | None]:
    """Return x, scale, noise and bias; all but x are float32, or float64 for float64."""
    wide = torch.promote_types(dtype, torch.float32)
    count, channels, height, width = shape
    shapes = {1: (count, channels), 2: (count, 1, height, width), 3: (channels,)}
    rest = [None if i in LEFT_OUT[name] else drawn(*shapes[i], dtype=wide, seed=i) for i in (1, 2, 3)]
    return [drawn(*shape, dtype=dtype).contiguous(memory_format=layout), *rest]


def close(found: Tensor, wanted: Tensor, rtol: float) -> None:
    """Compare, with an absolute tolerance for sums that cancel."""
    found, wanted = found.detach().double(), wanted.detach().double()
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=4 * rtol * float(wanted.abs().max()) if wanted.numel() else 0.0)

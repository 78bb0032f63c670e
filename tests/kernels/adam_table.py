"""Parameters that Adam is tried with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SHAPES = [(16,), (5, 7), (2064,), (), (4, 3, 3, 3), (0,), (1056,)]
"""Of a vector, of no vector, of several blocks, of none, channels last, and without elements."""


def made(device: torch.device, dtype: torch.dtype, count: int = len(SHAPES), seed: int = 0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(SHAPES[i % len(SHAPES)], generator=random, dtype=torch.float64) for i in range(count)]
    return [(t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t).to(device=device, dtype=dtype) for t in drawn]


def train(
    params: list[Tensor], step: Callable[[list[Tensor]], object], count: int = 4, widen: Callable[[Tensor], Tensor] = lambda g: g
) -> None:
    """Call a step with the same gradients every time this is called; some of them are of another layout than their parameter."""
    for number in range(count):
        grads = [g.contiguous() for g in made(params[0].device, params[0].dtype, len(params), seed=10 + number)]
        step([widen(g) for g in grads])

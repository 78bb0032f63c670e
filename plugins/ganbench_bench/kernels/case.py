"""One op on one kind of input: how it is called, what is right, and how many bytes must move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

Pass = Literal["forward", "backward", "double backward"]
PASSES: tuple[Pass, ...] = get_args(Pass)
Implementation = Literal["eager", "compile", "ours"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)

Inputs = tuple[Tensor | None, ...]
Function = Callable[..., Tensor]
"""Takes the inputs one by one and returns the output."""

DTYPE_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One op on one kind of input."""

    op: str
    """Its name in ``ganbench_kernels``."""
    title: str
    """What is computed, as a reader would write it: ``leaky_relu(x + b)``."""
    variant: str = ""
    """Which of several under one title."""
    shape: tuple[int, ...]
    """The shape of the main input."""
    dtype: torch.dtype
    """The type of the main input, or of the result where the input is uint8."""
    layout: str = ""
    """One of :data:`ganbench_bench.names.LAYOUTS`; empty where it makes no difference."""
    make: Callable[[torch.device, torch.Generator], Inputs]
    """Draws the inputs."""
    plain: Function
    """Plain PyTorch as a user would write it."""
    fused: Function
    """The op with ``impl="triton"``."""
    reference: Function
    """The op's ``_ref``; called with inputs in float64."""
    output_dtype: torch.dtype
    gradients: tuple[int, ...] = ()
    """Indices of the inputs that get a gradient; empty for an op without one."""
    second: tuple[int, ...] | None = None
    """For the double backward: indices of the inputs whose second derivative is not zero, besides the incoming gradient; None for none."""
    mutates: tuple[int, ...] = ()
    """Indices of the inputs that the forward changes."""
    num_bytes: Mapping[Pass, int]
    """What each pass must read and write at least, in total."""
    slack: float = 1.0
    """Factor of the tolerance."""
    num_outliers: Mapping[Pass, float] = field(default_factory=dict)
    """Fraction of an output's values that may leave the tolerance: those on a kink, or on the border of two levels."""

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The passes that the op has."""
        return tuple(p for p in PASSES if p in self.num_bytes)

    @property
    def size(self) -> str:
        """The shape as text: ``64x128x16x16``."""
        return "x".join(map(str, self.shape))

    @property
    def dtype_name(self) -> str:
        """``fp32`` or ``bf16``."""
        return DTYPE_NAMES[self.dtype]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.op, self.variant, self.size, self.dtype_name, self.layout)))


def memory_format(layout: str) -> torch.memory_format:
    """Return torch's word for a layout."""
    return torch.channels_last if layout == "channels_last" else torch.contiguous_format


def normal(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, random: torch.Generator, layout: str = "") -> Tensor:
    """Draw N(0, 1) in a dtype and a layout."""
    drawn = torch.randn(shape, device=device, generator=random).to(dtype)
    return drawn.contiguous(memory_format=memory_format(layout)) if layout else drawn

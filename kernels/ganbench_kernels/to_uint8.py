"""Images in [-1, 1] to the 256 levels that metrics see: ``clamp(127.5 x + 128, 0, 255)``, the fraction cut off, in one pass."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import register


def to_uint8(x: Tensor, *, impl: Impl = "auto") -> Tensor:
    """Quantise images. Has no derivative.

    Args:
        x: ``[N, C, H, W]`` or any shape, float32, bfloat16, float16 or float64, meant to be in [-1, 1]; what lies outside is clamped.
        impl: which implementation.

    Returns:
        uint8 of the same shape and memory format.

    Raises:
        ValueError: not floating point.
    """
    _check(x)
    if takes_triton("to_uint8", impl, x):
        quantised: Tensor = _op(x.detach())
        return quantised
    return to_uint8_ref(x)


def to_uint8_ref(x: Tensor, *, impl: Impl = "ref") -> Tensor:
    """Quantise images in plain PyTorch; see :func:`to_uint8`."""
    _check(x)
    wide = x.detach().to(torch.float32)  # bfloat16 cannot hold 256 levels
    return (wide * 127.5 + 128).clamp_(0, 255).to(torch.uint8)


def _check(x: Tensor) -> None:
    if not x.is_floating_point():
        raise ValueError(f"to_uint8: x must be floating point in [-1, 1] (got {x.dtype})")


_op = register(
    "to_uint8(Tensor x) -> Tensor",
    kernel="ganbench_kernels.jit.to_uint8:launch",
    reference=to_uint8_ref,
    fake=lambda x: torch.empty_like(x, dtype=torch.uint8),
)

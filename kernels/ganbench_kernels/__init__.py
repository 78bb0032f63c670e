"""Fused GAN training ops on Triton, each with a reference in plain PyTorch of the same signature. Needs torch; triton where it runs."""

from __future__ import annotations

from ganbench_kernels.dispatch import Impl, has_triton, higher_order, implementation, set_implementation, triton_runs_on, use_implementation
from ganbench_kernels.to_uint8 import to_uint8, to_uint8_ref

__all__ = [
    "Impl",
    "has_triton",
    "higher_order",
    "implementation",
    "set_implementation",
    "to_uint8",
    "to_uint8_ref",
    "triton_runs_on",
    "use_implementation",
]

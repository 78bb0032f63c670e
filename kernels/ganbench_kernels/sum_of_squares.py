"""The squared norm of every sample of a batch from one read: what R1 and the gradient penalty of WGAN-GP take of an input gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import register

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def sum_of_squares_per_sample(x: Tensor, *, impl: Impl = "auto") -> Tensor:
    """Return the sum of squares of each sample. Can be differentiated any number of times.

    Args:
        x: ``[N, ...]`` float32, bfloat16, float16 or float64, of any strides; a sample that is not dense in memory is copied first.
        impl: which implementation.

    Returns:
        ``[N]`` float32 (float64 for float64). A sample's sum does not depend on the rest of the batch.

    Raises:
        ValueError: not one of these dtypes, or without a batch dimension.
    """
    _check(x)
    if takes_triton("sum_of_squares_per_sample", impl, x):
        sums: Tensor = _differentiable(x)
        return sums
    return _reference(x)


def sum_of_squares_per_sample_ref(x: Tensor, *, impl: Impl = "ref") -> Tensor:
    """Sum the squares in plain PyTorch; see :func:`sum_of_squares_per_sample`."""
    _check(x)
    return _reference(x)


def _check(x: Tensor) -> None:
    if x.dtype not in _DTYPES:
        raise ValueError(f"sum_of_squares_per_sample: x must be float32, bfloat16, float16 or float64 (got {x.dtype})")
    if x.ndim == 0:
        raise ValueError("sum_of_squares_per_sample: x must have a batch dimension, [N, ...] (got a scalar)")


def _reference(x: Tensor) -> Tensor:
    squares = (x if x.dtype == torch.float64 else x.float()).square()
    return squares if x.ndim == 1 else squares.sum(dim=tuple(range(1, x.ndim)))


def _empty(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)


_op = register(
    "sum_of_squares_per_sample(Tensor x) -> Tensor",
    kernel="ganbench_kernels.jit.sum_of_squares:launch",
    reference=_reference,
    fake=_empty,
)


class _SumOfSquares(torch.autograd.Function):
    """The derivative 2 x g is written in PyTorch's own operations, so that it can be differentiated in its turn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        sums: Tensor = _op(x)
        return sums

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        by_sample = (2 * gradient).view(-1, *[1] * (x.ndim - 1))
        slope: Tensor = (x * by_sample).to(x.dtype)
        return slope


@torch.compiler.allow_in_graph  # type: ignore[untyped-decorator]
def _differentiable(x: Tensor) -> Tensor:
    sums: Tensor = _SumOfSquares.apply(x)
    return sums

"""One call of one pass, ready to be made: inputs drawn, and everything done that belongs to an earlier pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case, Function, Inputs, Pass

Results = tuple[Tensor | None, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """A pass over inputs of its own; it can be called again and again."""

    call: Callable[[], Results]
    """The outputs, or the gradients in the order of their inputs."""
    inputs: Inputs
    """What the call reads, with what it changes."""


def prepare(case: Case, wanted: Pass, function: Function, device: torch.device, *, seed: int, exact: bool = False) -> Work:
    """Draw inputs and do the passes before the one that is wanted.

    Args:
        case: whose inputs.
        wanted: the pass.
        function: an implementation.
        device: where.
        seed: of the inputs; equal seeds give equal values to every implementation.
        exact: take the same values in float64.
    """
    random = torch.Generator(device=device).manual_seed(seed)
    inputs = tuple(_widened(t) if exact else t for t in case.make(device, random))
    for index in case.gradients:
        tensor = inputs[index]
        assert tensor is not None
        tensor.requires_grad_(True)
    if wanted == "forward":
        return Work(lambda: (function(*inputs),), inputs)
    wrt = [t for index in case.gradients if (t := inputs[index]) is not None]
    y = function(*inputs)
    dy = _cotangent(y, case.output_dtype, random)
    if wanted == "backward":
        return Work(lambda: torch.autograd.grad(y, wrt, dy, retain_graph=True), inputs)
    firsts = torch.autograd.grad(y, wrt, dy.requires_grad_(True), create_graph=True)
    cotangents = [_cotangent(first, _drawn_dtype(case, t, exact), random) for first, t in zip(firsts, wrt, strict=True)]
    targets = [dy, *(wrt[case.gradients.index(index)] for index in case.second or ())]
    return Work(lambda: torch.autograd.grad(firsts, targets, cotangents, retain_graph=True, allow_unused=True), inputs)


def _widened(tensor: Tensor | None) -> Tensor | None:
    return tensor.double() if tensor is not None and tensor.is_floating_point() else tensor


def _drawn_dtype(case: Case, tensor: Tensor, exact: bool) -> torch.dtype:
    """Return the dtype of the gradient of an input when nothing is widened; a case has inputs of its own dtype and of float32."""
    return case.dtype if exact else tensor.dtype


def _cotangent(like: Tensor, dtype: torch.dtype, random: torch.Generator) -> Tensor:
    """Draw an incoming gradient with the values that ``dtype`` can hold, in the dtype and the layout of ``like``."""
    drawn = torch.randn(like.shape, device=like.device, generator=random).to(dtype)
    return torch.empty_like(like).detach().copy_(drawn)

"""Which implementation an op runs: a Triton kernel or plain PyTorch.

``impl="auto"`` takes Triton for tensors on a GPU, and the reference inside ``torch.compile`` (Inductor fuses the same expression by itself,
and an opaque op would be in its way), inside transforms of ``torch.func`` (``grad``, ``vmap``), which cannot look into a kernel, on a CPU,
and where triton is not installed. ``"triton"`` insists, ``"ref"`` never takes it.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast, get_args

import torch
from torch import Tensor

Impl = Literal["auto", "triton", "ref"]

_preferred: Impl = "auto"  # process-wide on purpose: the backward of a CUDA graph of calls runs in a thread of autograd's own
_higher_order = False


def set_implementation(impl: str) -> None:
    """Say what ``impl="auto"`` means in this process.

    Raises:
        ValueError: not one of auto, triton, ref.
    """
    global _preferred
    _preferred = _check_name(impl)


def implementation() -> Impl:
    """Return what ``impl="auto"`` means in this process."""
    return _preferred


@contextmanager
def use_implementation(impl: str) -> Iterator[None]:
    """Let ``impl="auto"`` mean something else for a while."""
    before = _preferred
    set_implementation(impl)
    try:
        yield
    finally:
        set_implementation(before)


@contextmanager
def higher_order() -> Iterator[None]:
    """Take the reference of ops that can be differentiated only once, for a forward that a gradient penalty will differentiate twice."""
    global _higher_order
    before, _higher_order = _higher_order, True
    try:
        yield
    finally:
        _higher_order = before


# Looked up here and not in the functions: Dynamo traces into those, and PyTorch 2.11's cannot trace what looks.
_HAS_TRITON = importlib.util.find_spec("triton") is not None
_INTERPRETING = _HAS_TRITON and os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on", "yes", "y")


def has_triton() -> bool:
    """Whether triton is installed (it is not on macOS and Windows)."""
    return _HAS_TRITON


def interpreting() -> bool:
    """Whether Triton's interpreter runs the kernels on the CPU; decided once, as triton itself does."""
    return _INTERPRETING


def triton_runs_on(device: torch.device) -> bool:
    """Whether Triton kernels can run on a device: a GPU, or the CPU under the interpreter."""
    return has_triton() and (device.type == "cuda" or interpreting())


def takes_triton(op: str, impl: Impl, *tensors: Tensor | None, once_differentiable: bool = False) -> bool:
    """Decide for one call.

    Args:
        op: for the messages.
        impl: what the caller asked for.
        tensors: the inputs; None for one that was left out.
        once_differentiable: whether the op's kernels have no second derivative.

    Raises:
        ValueError: an unknown implementation, tensors on several devices, or ``"triton"`` where it cannot run; as what ``"auto"`` means
            here, ``"triton"`` too stands back inside transforms of ``torch.func``.
    """
    device = _device_of(op, tensors)
    wanted = _preferred if impl == "auto" else _check_name(impl)
    if wanted == "auto" and device.type != "cuda":  # first of all: a step on a CPU asks this a dozen times
        return False
    if wanted == "ref" or (impl == "auto" and once_differentiable and _higher_order):
        return False
    if wanted == "auto" and torch.compiler.is_compiling():
        return False
    can = triton_runs_on(device)
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        if impl == "triton":
            raise ValueError(f"{op}: impl='triton' cannot be transformed by torch.func; use impl='auto' or 'ref'")
        return False
    if wanted == "triton":
        if not can:
            why = "triton is not installed" if not has_triton() else f"the tensors are on {device}, and TRITON_INTERPRET is not set"
            raise ValueError(f"{op}: impl='triton' cannot run here: {why}; use impl='auto' or 'ref'")
        return True
    return can


def _device_of(op: str, tensors: tuple[Tensor | None, ...]) -> torch.device:
    """Return the one device of all tensors.

    Raises:
        ValueError: there are several.
    """
    found: torch.device | None = None
    for tensor in tensors:
        if tensor is None:
            continue
        device = tensor.device
        if found is None:
            found = device
        elif device != found:
            devices = sorted({str(t.device) for t in tensors if t is not None})
            raise ValueError(f"{op}: all tensors must be on one device (got {', '.join(devices)})")
    assert found is not None, op
    return found


_NAMES = get_args(Impl)


def _check_name(impl: str) -> Impl:
    if impl not in _NAMES:
        raise ValueError(f"impl must be auto, triton or ref (got {impl!r})")
    return cast(Impl, impl)

"""Registration of ops with PyTorch's dispatcher, so that they can be traced, compiled and captured.

An op is defined with ``Library.define`` and has a kernel for CUDA devices, a reference for the CPU and a shape function. Derivatives are
``autograd.Function``s around it: ``torch.library.custom_op`` with ``register_autograd`` costs several times more for each eager call.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch

from ganbench_kernels.dispatch import has_triton, interpreting

LIBRARY = torch.library.Library("ganbench_kernels", "FRAGMENT")
Op = Callable[..., Any]


def register(schema: str, *, kernel: str, reference: Op, fake: Op) -> Op:
    """Register an op and return it.

    Args:
        schema: in the dispatcher's language, ``"name(Tensor x, float gain) -> Tensor"``.
        kernel: ``"module:function"`` that launches the Triton kernel; imported at the first call, so triton is only needed then.
        reference: the same signature in plain PyTorch, without autograd; runs on a CPU, unless Triton's interpreter is on.
        fake: the same signature; returns outputs of the right shape, dtype and strides, and looks at no value.
    """
    name = schema.partition("(")[0]
    LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))

    def on_gpu(*arguments: Any) -> Any:
        return (_load(kernel) if has_triton() else reference)(*arguments)

    def on_cpu(*arguments: Any) -> Any:
        return (_load(kernel) if interpreting() else reference)(*arguments)

    LIBRARY.impl(name, on_gpu, "CUDA")
    LIBRARY.impl(name, on_cpu, "CPU")
    torch.library.register_fake(f"ganbench_kernels::{name}", fake, lib=LIBRARY)
    op: Op = getattr(torch.ops.ganbench_kernels, name).default
    return op


@functools.cache
def _load(kernel: str) -> Op:
    module, _, function = kernel.partition(":")
    loaded: Op = getattr(importlib.import_module(module), function)
    return loaded

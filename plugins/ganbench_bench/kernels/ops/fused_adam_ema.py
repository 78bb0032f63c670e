"""Cases of ``fused_adam_ema``: a step on one large parameter, beside torch's fused Adam and a moving average."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case, Function, Inputs, normal
from ganbench_bench.kernels.sizes import Shape, Sizes

RATE, BETAS, EPS, DECAY = 0.01, (0.5, 0.99), 1e-3, 0.99


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """As many numbers as the feature maps have."""
    return [_case(shape, dtype) for shape, dtype in sizes.features_for(dtypes)]


def _case(shape: Shape, dtype: torch.dtype) -> Case:
    from ganbench_kernels import fused_adam_ema, fused_adam_ema_ref

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        param, grad, mean, square, average = (normal(shape, dtype, device, random) for _ in range(5))
        return param, grad, mean, square.abs(), torch.full((), 9.0, device=device), average

    def plain(param: Tensor, grad: Tensor, mean: Tensor, square: Tensor, step: Tensor, average: Tensor) -> Tensor:
        steps = [step.to(torch.float32, copy=True)]
        numbers: dict[str, Any] = {
            "lr": RATE,
            "beta1": BETAS[0],
            "beta2": BETAS[1],
            "eps": EPS,
            "weight_decay": 0.0,
            "amsgrad": False,
            "maximize": False,
        }
        torch._foreach_add_(steps, 1)
        torch._fused_adam_([param], [grad], [mean], [square], [], steps, **numbers)
        return average.lerp_(param, 1 - DECAY)

    def ours(function: Callable[..., None], impl: str) -> Function:
        def call(param: Tensor, grad: Tensor, mean: Tensor, square: Tensor, step: Tensor, average: Tensor) -> Tensor:
            steps = [step.to(torch.float32, copy=True)]
            numbers = {"lr": RATE, "betas": BETAS, "eps": EPS, "decay": DECAY}
            function([param], [grad], [mean], [square], steps, [average], **numbers, impl=impl)
            return average

        return call

    return Case(
        op="fused_adam_ema",
        title="a step of Adam and a moving average",
        shape=shape,
        dtype=dtype,
        make=make,
        plain=plain,
        fused=ours(fused_adam_ema, "triton"),
        reference=ours(fused_adam_ema_ref, "ref"),
        output_dtype=dtype,
        mutates=(0, 2, 3),
        num_bytes={"forward": 9 * prod(shape) * dtype.itemsize},  # five are read, and all but the gradient written
        slack=4,  # Adam divides by a root
    )

"""The registered ops behind :mod:`ganbench_kernels.norm_act`: forward, backward, and inference by running statistics."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench_kernels.library import register

Statistics = tuple[Tensor, Tensor]


def dense(x: Tensor) -> tuple[Tensor, torch.memory_format]:
    """Return ``x`` without gaps, copied only where needed, and its memory format: contiguous or channels-last."""
    channels_last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
    if channels_last is not None and not x.is_contiguous() and x.is_contiguous(memory_format=channels_last):
        return x, channels_last
    return x.contiguous(), torch.contiguous_format


def accumulator_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return what the statistics of a tensor of ``dtype`` are held in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def activate_(z: Tensor, negative_slope: float) -> Tensor:
    """Apply leaky-ReLU in place, by the same call as ``nn.LeakyReLU(inplace=True)``, or ``nn.ReLU(inplace=True)`` for a slope of 0."""
    return F.relu_(z) if negative_slope == 0 else F.leaky_relu_(z, negative_slope)


def _forward(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float,
    eps: float,
    negative_slope: float,
) -> tuple[Tensor, Tensor, Tensor]:
    dtype = accumulator_dtype(x.dtype)
    z, mean, invstd = torch.native_batch_norm(dense(x)[0], weight, bias, running_mean, running_var, True, momentum, eps)
    return activate_(z, negative_slope), mean.to(dtype), invstd.to(dtype)


def _fake_forward(x: Tensor, weight: Tensor | None, bias: Tensor | None, *_: object) -> tuple[Tensor, Tensor, Tensor]:
    dtype = accumulator_dtype(x.dtype)
    mean, invstd = (x.new_empty(x.shape[1], dtype=dtype) for _ in range(2))
    return torch.empty_like(dense(x)[0]), mean, invstd


def _backward(
    dy: Tensor, x: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | None, bias: Tensor | None, negative_slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    x, memory_format = dense(x)
    columns = [1, -1] + [1] * (x.dim() - 2)
    others = [0, *range(2, x.dim())]
    scale = (invstd if weight is None else invstd * weight).view(columns)
    d = x.to(mean.dtype) - mean.view(columns)
    z = d * scale if bias is None else d * scale + bias.view(columns)
    dz = torch.where(z > 0, 1.0, negative_slope) * dy.to(mean.dtype)
    dbias, dweight = dz.sum(others), (dz * d).sum(others) * invstd
    count = x.numel() // x.shape[1]
    dx = scale * (dz - (dbias / count).view(columns) - d * (dweight * invstd / count).view(columns))
    return dx.to(x.dtype).contiguous(memory_format=memory_format), dweight, dbias


def _fake_backward(dy: Tensor, x: Tensor, mean: Tensor, *_: object) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(dense(x)[0]), torch.empty_like(mean), torch.empty_like(mean)


def _inference(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor, running_var: Tensor, eps: float, negative_slope: float
) -> Tensor:
    return activate_(F.batch_norm(dense(x)[0], running_mean, running_var, weight, bias, False, 0.0, eps), negative_slope)


forward = register(
    "norm_act(Tensor x, Tensor? weight, Tensor? bias, Tensor(a!)? running_mean, Tensor(b!)? running_var, float momentum, float eps,"
    " float negative_slope) -> (Tensor, Tensor, Tensor)",
    kernel="ganbench_kernels.jit.norm_act:launch",
    reference=_forward,
    fake=_fake_forward,
)
backward = register(
    "norm_act_backward(Tensor dy, Tensor x, Tensor mean, Tensor invstd, Tensor? weight, Tensor? bias, float negative_slope)"
    " -> (Tensor, Tensor, Tensor)",
    kernel="ganbench_kernels.jit.norm_act:launch_backward",
    reference=_backward,
    fake=_fake_backward,
)
inference = register(
    "norm_act_inference(Tensor x, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float eps, float negative_slope)"
    " -> Tensor",
    kernel="ganbench_kernels.jit.norm_act:launch_inference",
    reference=_inference,
    fake=lambda x, *_: torch.empty_like(dense(x)[0]),
)

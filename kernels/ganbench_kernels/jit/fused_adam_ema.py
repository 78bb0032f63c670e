"""Kernel of :mod:`ganbench_kernels.fused_adam_ema`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch

TENSORS = 16
"""Parameters of one launch: their addresses are arguments of it, which a CUDA graph keeps as they are."""
BLOCK = 1024


@triton.jit
def fused_adam_ema_kernel(
    params,
    grads,
    means,
    squares,
    averages,
    steps,
    blocks_ptr,
    numel_ptr,
    lr_ptr,
    decay_ptr,
    BETA1: tl.constexpr,
    BETA2: tl.constexpr,
    LOG_BETA1: tl.constexpr,
    LOG_BETA2: tl.constexpr,
    EPS: tl.constexpr,
    WEIGHT_DECAY: tl.constexpr,
    AVERAGED: tl.constexpr,
    ALIGNED: tl.constexpr,
    COUNT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """m += (1 - BETA1) (g - m); v += (1 - BETA2) (g^2 - v); p -= lr m' / (sqrt(v') + EPS); average += (1 - decay) (p - average).

    g is the gradient and WEIGHT_DECAY p, m' = m / (1 - BETA1^step), v' likewise.
    params, grads, means, squares, averages: COUNT tensors each, the last as params without AVERAGED; ALIGNED says that their sizes and
    addresses can be divided by 16; steps: COUNT scalars, already counted up; blocks_ptr: [programs, 2], which tensor, and which block of
    it; numel_ptr: [COUNT]; lr_ptr, decay_ptr: scalars.
    Grid: one program for each block of each tensor.
    """
    which = tl.load(blocks_ptr + 2 * tl.program_id(0))
    offsets = tl.load(blocks_ptr + 2 * tl.program_id(0) + 1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    numel = tl.load(numel_ptr + which)
    inside = offsets < (tl.multiple_of(numel, 16) if ALIGNED else numel)
    p_ptr = _of(params, which, ALIGNED, COUNT) + offsets
    m_ptr = _of(means, which, ALIGNED, COUNT) + offsets
    v_ptr = _of(squares, which, ALIGNED, COUNT) + offsets
    ACC: tl.constexpr = tl.float64 if params[0].dtype.element_ty == tl.float64 else tl.float32
    step = tl.load(_of(steps, which, False, COUNT)).to(ACC)
    p = tl.load(p_ptr, mask=inside).to(ACC)
    g = tl.load(_of(grads, which, ALIGNED, COUNT) + offsets, mask=inside).to(ACC)
    m = tl.load(m_ptr, mask=inside).to(ACC)
    v = tl.load(v_ptr, mask=inside).to(ACC)
    if WEIGHT_DECAY != 0:
        g += WEIGHT_DECAY * p
    m += (1 - BETA1) * (g - m)
    v = BETA2 * v + (1 - BETA2) * g * g
    size = tl.load(lr_ptr).to(ACC) / _correction(step, BETA1, LOG_BETA1)
    p -= size * m / (tl.sqrt(v) / tl.sqrt(_correction(step, BETA2, LOG_BETA2)) + EPS)
    tl.store(p_ptr, p.to(params[0].dtype.element_ty), mask=inside)
    tl.store(m_ptr, m.to(means[0].dtype.element_ty), mask=inside)
    tl.store(v_ptr, v.to(squares[0].dtype.element_ty), mask=inside)
    if AVERAGED:
        a_ptr = _of(averages, which, ALIGNED, COUNT) + offsets
        a = tl.load(a_ptr, mask=inside).to(ACC)
        p = p.to(params[0].dtype.element_ty).to(ACC)  # as it is kept
        a += (1 - tl.load(decay_ptr).to(ACC)) * (p - a)
        tl.store(a_ptr, a.to(averages[0].dtype.element_ty), mask=inside)


@triton.jit
def _of(pointers, which, ALIGNED: tl.constexpr, COUNT: tl.constexpr):
    """Return one of the pointers."""
    address = pointers[0].to(tl.int64)
    for i in tl.static_range(1, COUNT):
        address = tl.where(which == i, pointers[i].to(tl.int64), address)
    pointer = address.to(pointers[0].dtype)
    return tl.multiple_of(pointer, 16) if ALIGNED else pointer


@triton.jit
def _correction(step, BETA: tl.constexpr, LOG_BETA: tl.constexpr):
    """Return 1 - BETA^step = -expm1(step log BETA), which 1 - exp would lose the digits of (Kahan's form)."""
    if BETA == 0:
        correction = step * 0 + 1
    else:
        x = step * LOG_BETA
        u = tl.exp(x)
        below = tl.where(u == 1, x, (u - 1) * x / tl.where(u == 1, 1.0, tl.log(u)))
        correction = -below
    return correction


@lru_cache(maxsize=64)
def tables(numels: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return which block of which tensor each program has, ``[programs, 2]`` int32, and the sizes, ``[T]`` int64."""
    blocks = [(which, block) for which, numel in enumerate(numels) for block in range(triton.cdiv(numel, BLOCK))]
    table = torch.tensor(blocks, dtype=torch.int32).view(-1, 2)
    return table.to(device), torch.tensor(numels, dtype=torch.int64).to(device)


def plan_fused_adam_ema(
    tensors: Sequence[Sequence[Tensor]],
    lr: Tensor,
    decay: Tensor,
    blocks: Tensor,
    numels: Tensor,
    *,
    averaged: bool,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> Launch:
    """Plan the step of up to 16 parameters; ``tensors`` are those, gradients, means, squares, averages and steps."""
    constants: dict[str, Any] = {
        "BETA1": betas[0],
        "BETA2": betas[1],
        "LOG_BETA1": math.log(betas[0]) if betas[0] else 0.0,
        "LOG_BETA2": math.log(betas[1]) if betas[1] else 0.0,
        "EPS": eps,
        "WEIGHT_DECAY": weight_decay,
        "AVERAGED": averaged,
        "ALIGNED": all(map(_aligned, zip(*tensors[:-1], strict=True))),
        "COUNT": len(tensors[0]),
        "BLOCK": BLOCK,
    }
    return Launch(fused_adam_ema_kernel, (len(blocks),), (*map(tuple, tensors), blocks, numels, lr, decay), constants)


def _aligned(tensors: Sequence[Tensor]) -> bool:
    """Whether a parameter and all that belongs to it can be read 16 bytes at a time."""
    return tensors[0].numel() % 16 == 0 and all(t.data_ptr() % 16 == 0 for t in tensors)


def launch(
    params: list[Tensor],
    grads: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    averages: list[Tensor],
    lr: Tensor,
    decay: Tensor,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    """Do the step, 16 parameters at a time."""
    torch._foreach_add_(steps, 1)
    sets = sorted(zip(params, grads, means, squares, averages or params, steps, strict=True), key=lambda one: not _aligned(one[:-1]))
    numbers: dict[str, Any] = {"averaged": bool(averages), "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay}
    for first in range(0, len(sets), TENSORS):
        part = [list(tensors) for tensors in zip(*sets[first : first + TENSORS], strict=True)]
        blocks, numels = tables(tuple(p.numel() for p in part[0]), params[0].device)
        plan_fused_adam_ema(part, lr, decay, blocks, numels, **numbers).run()

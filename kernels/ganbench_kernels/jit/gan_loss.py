"""Kernel of :mod:`ganbench_kernels.gan_loss`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.gan_loss import empty_outputs
from ganbench_kernels.jit.launch import Launch


@triton.jit
def softplus_and_sigmoid(x):
    """log(1 + exp(x)) and its derivative, without overflow: both are of e = exp(-|x|), which is at most 1."""
    e = tl.exp(-tl.abs(x))
    u = 1.0 + e
    # log(1 + e) of a small e: the rounding of u cancels between log(u) and u - 1. libdevice's log1p is absent in the interpreter.
    log_u = tl.where(u == 1.0, e, tl.log(u) * (e / tl.where(u == 1.0, 1.0, u - 1.0)))
    return tl.where(x > 0, x, 0.0) + log_u, tl.where(x > 0, 1.0, e) / u


@triton.jit
def real_term(r, KIND: tl.constexpr, LABEL_SMOOTHING: tl.constexpr, REAL_TARGET: tl.constexpr):
    """The discriminator's loss of a real logit, and its derivative. A logit that is not a number gives a loss that is none."""
    if KIND == "hinge":
        value = tl.where(r >= 1.0, 0.0, 1.0 - r)
        slope = tl.where(r >= 1.0, 0.0, tl.zeros_like(r) - 1.0)
    elif KIND == "least-squares":
        slope = r - REAL_TARGET
        value = 0.5 * slope * slope
    elif KIND == "wasserstein":
        value = -r
        slope = tl.zeros_like(r) - 1.0
    else:
        softplus, sigmoid = softplus_and_sigmoid(-r)
        value = softplus
        if LABEL_SMOOTHING > 0:
            value += LABEL_SMOOTHING * r
        slope = LABEL_SMOOTHING - sigmoid
    return value, slope


@triton.jit
def fake_term(f, KIND: tl.constexpr, ROLE: tl.constexpr, TARGET: tl.constexpr):
    """The discriminator's or the generator's loss of a fake logit, and its derivative."""
    if KIND == "least-squares":
        slope = f - TARGET
        value = 0.5 * slope * slope
    elif ROLE == "generator" and (KIND == "hinge" or KIND == "wasserstein"):
        value = -f
        slope = tl.zeros_like(f) - 1.0
    elif KIND == "hinge":
        value = tl.where(f <= -1.0, 0.0, 1.0 + f)
        slope = tl.where(f <= -1.0, 0.0, tl.zeros_like(f) + 1.0)
    elif KIND == "wasserstein":
        value = f
        slope = tl.zeros_like(f) + 1.0
    elif ROLE == "generator" and KIND == "logistic":
        softplus, sigmoid = softplus_and_sigmoid(-f)
        value = softplus
        slope = -sigmoid
    else:
        softplus, sigmoid = softplus_and_sigmoid(f)
        value = softplus if ROLE == "discriminator" else -softplus
        slope = sigmoid if ROLE == "discriminator" else -sigmoid
    return value, slope


@triton.jit
def gan_loss_kernel(
    real_ptr,
    fake_ptr,
    loss_ptr,
    statistics_ptr,
    slopes_ptr,
    num_real,
    num_fake,
    first_fake,
    KIND: tl.constexpr,
    ROLE: tl.constexpr,
    HAS_REAL: tl.constexpr,
    LABEL_SMOOTHING: tl.constexpr,
    REAL_TARGET: tl.constexpr,
    FAKE_TARGET: tl.constexpr,
    NUM_BLOCKS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """loss = mean of the terms; slopes = d loss / d logit; statistics = mean r, mean f, mean sign r, mean |r|, mean |f|.

    real_ptr: [num_real]; fake_ptr: [num_fake]; loss_ptr: []; statistics_ptr: [5];
    slopes_ptr: [first_fake + num_fake], those of the real logits first where the loss depends on them, else first_fake = 0.
    Grid: one program, which walks over NUM_BLOCKS blocks of both.
    """
    ACC: tl.constexpr = loss_ptr.dtype.element_ty
    USES_REAL: tl.constexpr = ROLE == "discriminator" or KIND == "relativistic"
    by_fake = tl.full([], 1.0, ACC) / num_fake
    offsets = tl.arange(0, BLOCK)
    left_real, left_fake = tl.full([], num_real, tl.int64), tl.full([], num_fake, tl.int64)
    by_fake_ptr = slopes_ptr + first_fake
    loss = tl.zeros([BLOCK], ACC)
    fake_sum, fake_size = tl.zeros([BLOCK], ACC), tl.zeros([BLOCK], ACC)
    real_sum, real_size, real_sign = tl.zeros([BLOCK], ACC), tl.zeros([BLOCK], ACC), tl.zeros([BLOCK], ACC)
    if HAS_REAL:
        by_real = tl.full([], 1.0, ACC) / num_real
    for _ in range(NUM_BLOCKS):
        fake_inside = offsets < left_fake
        f = tl.load(fake_ptr + offsets, mask=fake_inside, other=0.0).to(ACC)
        fake_sum += f
        fake_size += tl.abs(f)
        if HAS_REAL:
            real_inside = offsets < left_real
            r = tl.load(real_ptr + offsets, mask=real_inside, other=0.0).to(ACC)
            real_sum += r
            real_size += tl.abs(r)
            real_sign += tl.where(r > 0, 1.0, tl.where(r < 0, -1.0, 0.0))
        if KIND == "relativistic":
            # The loser's lead, which the loss is the softplus of; it falls with the logit that should be the larger one.
            value, slope = softplus_and_sigmoid(f - r if ROLE == "discriminator" else r - f)
            loss += tl.where(fake_inside, value * by_fake, 0.0)
            slope = slope * by_fake if ROLE == "discriminator" else -slope * by_fake
            tl.store(by_fake_ptr + offsets, slope, mask=fake_inside)
            tl.store(slopes_ptr + offsets, -slope, mask=fake_inside)
        else:
            value, slope = fake_term(f, KIND, ROLE, FAKE_TARGET)
            loss += tl.where(fake_inside, value * by_fake, 0.0)
            tl.store(by_fake_ptr + offsets, slope * by_fake, mask=fake_inside)
            if USES_REAL:
                value, slope = real_term(r, KIND, LABEL_SMOOTHING, REAL_TARGET)
                loss += tl.where(real_inside, value * by_real, 0.0)
                tl.store(slopes_ptr + offsets, slope * by_real, mask=real_inside)
        left_real, left_fake = left_real - BLOCK, left_fake - BLOCK
        fake_ptr += BLOCK
        slopes_ptr += BLOCK
        by_fake_ptr += BLOCK
        if HAS_REAL:
            real_ptr += BLOCK
    tl.store(loss_ptr, tl.sum(loss, 0))
    tl.store(statistics_ptr + 1, tl.sum(fake_sum, 0) * by_fake)
    tl.store(statistics_ptr + 4, tl.sum(fake_size, 0) * by_fake)
    if HAS_REAL:
        tl.store(statistics_ptr, tl.sum(real_sum, 0) * by_real)
        tl.store(statistics_ptr + 2, tl.sum(real_sign, 0) * by_real)
        tl.store(statistics_ptr + 3, tl.sum(real_size, 0) * by_real)
    else:
        for place in tl.static_range(0, 4):
            if place != 1:
                tl.store(statistics_ptr + place, tl.zeros([], ACC))


def plan_gan_loss(
    real: Tensor | None,
    fake: Tensor,
    outputs: tuple[Tensor, Tensor, Tensor],
    *,
    kind: str,
    role: str,
    label_smoothing: float = 0.0,
    targets: tuple[float, float, float] = (1.0, 0.0, 1.0),
) -> Launch:
    """Plan the loss of contiguous logits into (loss, statistics, slopes)."""
    num_real, num_fake = 0 if real is None else real.numel(), fake.numel()
    block = 512 if outputs[0].dtype == torch.float64 else 1024
    counts = (num_real, num_fake, outputs[2].numel() - num_fake)
    real_target, fake_target, generator_target = targets
    constants = {
        "KIND": kind,
        "ROLE": role,
        "HAS_REAL": real is not None,
        "LABEL_SMOOTHING": label_smoothing,  # constants of a run; as parameters, triton would round those of float64 to float32
        "REAL_TARGET": real_target,
        "FAKE_TARGET": fake_target if role == "discriminator" else generator_target,
        "NUM_BLOCKS": triton.cdiv(max(num_real, num_fake), block),  # a constant, because triton 3.6 interprets no other bound of a loop
        "BLOCK": block,
    }
    return Launch(gan_loss_kernel, (1,), (real, fake, *outputs, *counts), constants, num_warps=8)


def launch(
    real: Tensor | None,
    fake: Tensor,
    kind: str,
    role: str,
    label_smoothing: float,
    real_target: float,
    fake_target: float,
    generator_target: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return loss, statistics and slopes."""
    outputs = empty_outputs(real, fake, kind, role)
    real, fake = None if real is None else real.contiguous(), fake.contiguous()
    targets = (real_target, fake_target, generator_target)
    plan_gan_loss(real, fake, outputs, kind=kind, role=role, label_smoothing=label_smoothing, targets=targets).run()
    return outputs

"""Kernels of :mod:`ganbench_kernels.minibatch_stddev`.

They look at a tensor as ``[N, rows, F, inner]``, as it lies in memory: channels first, a sample has one row and ``inner`` is a part of the
channels with all pixels; channels last, a row is a pixel and ``inner`` a part of its channels. Sample ``g * M + m`` is the g-th of group m.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.bias_act_ops import in_layout_of, to_layout
from ganbench_kernels.jit.launch import Launch
from ganbench_kernels.minibatch_stddev import EPS, empty_result, group_of

TILE = 1024
"""Elements that a program holds: so many of each sample of its group as go in."""


@triton.jit
def minibatch_stddev_kernel(
    x_ptr,
    y_ptr,
    partial_ptr,
    count,
    inner,
    x_row,
    y_row,
    x_sample,
    y_sample,
    groups,
    EPS: tl.constexpr,
    GROUP: tl.constexpr,
    GROUP_SIZE: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """y = x in its first channels; partial = sum over a block of sqrt(mean_g (x - mean_g x)^2 + EPS).

    x_ptr: [N, rows, F, inner] with x_row and x_sample elements from one to the next, count of rows times inner; y_ptr: the same with F
    further channels; partial_ptr: [M, F, blocks].
    Grid: one program for each block of the elements of each part of each group.
    """
    ACC: tl.constexpr = partial_ptr.dtype.element_ty
    program = tl.program_id(0).to(tl.int64)
    blocks = tl.cdiv(count, BLOCK)
    block, part, m = program % blocks, program // blocks % PARTS, program // blocks // PARTS
    element = block * BLOCK + tl.arange(0, BLOCK)
    g = tl.arange(0, GROUP_SIZE)[:, None]
    inside = (element < count)[None, :] & (g < GROUP)
    row, column = element // inner, element % inner + part * inner
    x = tl.load(x_ptr + (g * groups + m) * x_sample + (row * x_row + column)[None, :], mask=inside, other=0.0)
    tl.store(y_ptr + (g * groups + m) * y_sample + (row * y_row + column)[None, :], x, mask=inside)
    x = x.to(ACC)
    away = tl.where(inside, x - (tl.sum(x, 0) / GROUP)[None, :], 0.0)
    deviation = tl.sqrt(tl.sum(away * away, 0) / GROUP + EPS)
    tl.store(partial_ptr + program, tl.sum(tl.where(element < count, deviation, 0.0), 0))


@triton.jit
def minibatch_stddev_backward_kernel(
    dy_ptr,
    x_ptr,
    by_part_ptr,
    dx_ptr,
    count,
    inner,
    x_row,
    y_row,
    x_sample,
    y_sample,
    groups,
    EPS: tl.constexpr,
    GROUP: tl.constexpr,
    GROUP_SIZE: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """dx = dy + by_part * (x - mean_g x) / (GROUP * sqrt(mean_g (x - mean_g x)^2 + EPS)).

    dy_ptr: like y of the forward; x_ptr, dx_ptr: like its x; by_part_ptr: [M, F], the sums of dy over the channel that was added, over the
    number of elements that its mean was of.
    Grid: one program for each block of the elements of each part of each group.
    """
    ACC: tl.constexpr = by_part_ptr.dtype.element_ty
    program = tl.program_id(0).to(tl.int64)
    blocks = tl.cdiv(count, BLOCK)
    block, part, m = program % blocks, program // blocks % PARTS, program // blocks // PARTS
    element = block * BLOCK + tl.arange(0, BLOCK)
    g = tl.arange(0, GROUP_SIZE)[:, None]
    inside = (element < count)[None, :] & (g < GROUP)
    row, column = element // inner, element % inner + part * inner
    places = (g * groups + m) * x_sample + (row * x_row + column)[None, :]
    x = tl.load(x_ptr + places, mask=inside, other=0.0).to(ACC)
    dy = tl.load(dy_ptr + (g * groups + m) * y_sample + (row * y_row + column)[None, :], mask=inside, other=0.0).to(ACC)
    away = tl.where(inside, x - (tl.sum(x, 0) / GROUP)[None, :], 0.0)
    deviation = tl.sqrt(tl.sum(away * away, 0) / GROUP + EPS)
    dx = dy + tl.load(by_part_ptr + m * PARTS + part) / GROUP * away / deviation[None, :]
    tl.store(dx_ptr + places, dx.to(dx_ptr.dtype.element_ty), mask=inside)


class Table(NamedTuple):
    """A tensor and the result as the kernels see them."""

    numbers: tuple[int, ...]
    blocks: int
    groups: int
    constants: dict[str, Any]


def table(x: Tensor, num_channels: int, group_size: int) -> Table:
    """Lay out dense x ``[N, C, H, W]``, N above 0."""
    samples, channels, height, width = x.shape
    size = group_of(samples, group_size)
    first = x.is_contiguous()
    rows, inner = (1, channels // num_channels * height * width) if first else (height * width, channels // num_channels)
    x_row = inner * num_channels
    y_row = x_row if first else channels + num_channels  # of one row, a number whose divisors the compiler sees
    numel = channels * height * width
    numbers = (rows * inner, inner, x_row, y_row, numel, numel + num_channels * height * width, samples // size)
    padded = triton.next_power_of_2(size)
    constants = {"EPS": EPS, "GROUP": size, "GROUP_SIZE": padded, "PARTS": num_channels, "BLOCK": max(TILE // padded, 16)}
    return Table(numbers, triton.cdiv(rows * inner, constants["BLOCK"]), samples // size, constants)


def plan_forward(x: Tensor, y: Tensor, partial: Tensor, t: Table) -> Launch:
    """Plan the copy and the sums ``[M, F, blocks]``."""
    return Launch(minibatch_stddev_kernel, (partial.numel(),), (x, y, partial, *t.numbers), t.constants)


def plan_backward(dy: Tensor, x: Tensor, by_part: Tensor, dx: Tensor, t: Table) -> Launch:
    """Plan dx, of x's layout."""
    return Launch(minibatch_stddev_backward_kernel, (by_part.numel() * t.blocks,), (dy, x, by_part, dx, *t.numbers), t.constants)


def launch_forward(x: Tensor, group_size: int, num_channels: int) -> Tensor:
    """Return y: the kernel, and the sums of its sums in the channels that are added."""
    x = to_layout(x)
    y = empty_result(x, num_channels)
    if not y.numel():
        return y
    t = table(x, num_channels, group_size)
    partial = x.new_empty(t.groups, num_channels, t.blocks, dtype=torch.promote_types(x.dtype, torch.float32))
    plan_forward(x, y, partial, t).run()
    of_group = partial.sum(dim=2) / t.numbers[0]
    y[:, x.shape[1] :].unflatten(0, (-1, t.groups)).copy_(of_group[None, :, :, None, None])
    return y


def launch_backward(dy: Tensor, x: Tensor, group_size: int, num_channels: int) -> Tensor:
    """Return dx."""
    x = to_layout(x)
    dx = torch.empty_like(x)
    if not dx.numel():
        return dx
    t = table(x, num_channels, group_size)
    planes = dy[:, x.shape[1] :].unflatten(0, (-1, t.groups))  # [G, M, F, H, W]
    by_part = planes.sum(dim=(0, 3, 4), dtype=torch.promote_types(x.dtype, torch.float32)) / t.numbers[0]
    plan_backward(in_layout_of(empty_result(x, num_channels), dy), x, by_part, dx, t).run()
    return dx

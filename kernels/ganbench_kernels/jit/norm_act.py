"""How the kernels of :mod:`ganbench_kernels.norm_act` are launched: one for small tensors, three for others, in each direction."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench_kernels.jit.norm_act_gradients import plan_input_gradient, plan_merge_sums, plan_partial_sums
from ganbench_kernels.jit.norm_act_normalize import plan_normalize
from ganbench_kernels.jit.norm_act_small import plan_small_backward, plan_small_forward
from ganbench_kernels.jit.norm_act_statistics import plan_merge_statistics, plan_partial_statistics
from ganbench_kernels.jit.norm_act_tiling import MOST_TILES, small_tiling, tiling
from ganbench_kernels.norm_act_ops import accumulator_dtype, dense


def launch(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float,
    eps: float,
    negative_slope: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return y, mean and inverse standard deviation; move the running statistics."""
    for running in (running_mean, running_var):
        if running is not None and not running.is_inference():
            torch.autograd.graph.increment_version(running)  # a backward that saved it must notice
    x, _ = dense(x)
    dtype = accumulator_dtype(x.dtype)
    mean = torch.empty(x.shape[1], dtype=dtype, device=x.device)
    invstd, y = torch.empty_like(mean), torch.empty_like(x)
    small = small_tiling(x)
    if small is not None:
        moved, statistics = (running_mean, running_var), (mean, invstd)
        plan_small_forward(x, weight, bias, moved, statistics, y, small, momentum=momentum, eps=eps, slope=negative_slope).run()
        return y, mean, invstd
    cut = tiling(x)
    parts = torch.empty(2, cut.chunks, cut.groups, dtype=dtype, device=x.device)
    plan_partial_statistics(x, parts, cut).run()
    plan_merge_statistics(parts, mean, invstd, running_mean, running_var, cut, momentum=momentum, eps=eps).run()
    plan_normalize(x, mean, invstd, weight, bias, y, tiling(x, most_tiles=MOST_TILES), slope=negative_slope).run()
    return y, mean, invstd


def launch_inference(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor, running_var: Tensor, eps: float, negative_slope: float
) -> Tensor:
    """Return y by the running statistics."""
    x, _ = dense(x)
    dtype = accumulator_dtype(x.dtype)
    mean, invstd = running_mean.to(dtype), torch.rsqrt(running_var.to(dtype) + eps)
    y = torch.empty_like(x)
    plan_normalize(x, mean, invstd, weight, bias, y, tiling(x, most_tiles=MOST_TILES), slope=negative_slope).run()
    return y


def launch_backward(
    dy: Tensor, x: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | None, bias: Tensor | None, negative_slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dx, dweight and dbias."""
    x, memory_format = dense(x)
    dy = dy.contiguous(memory_format=memory_format)
    dx, dweight, dbias = torch.empty_like(x), torch.empty_like(mean), torch.empty_like(mean)
    statistics, sums = (mean, invstd), (dweight, dbias)
    small = small_tiling(x, backward=True)
    if small is not None:
        plan_small_backward(dy, x, statistics, weight, bias, sums, dx, small, slope=negative_slope).run()
        return dx, dweight, dbias
    cut = tiling(x, backward=True)
    parts = mean.new_empty(2, cut.chunks, cut.groups)
    plan_partial_sums(dy, x, statistics, weight, bias, parts, cut, slope=negative_slope).run()
    plan_merge_sums(parts, invstd, dweight, dbias, cut).run()
    cut = tiling(x, backward=True, most_tiles=MOST_TILES)
    plan_input_gradient(dy, x, statistics, weight, bias, sums, dx, cut, slope=negative_slope).run()
    return dx, dweight, dbias

"""The launches of batch norm + leaky-ReLU, for cross-compilation."""

from __future__ import annotations

import torch
import triton
from cross_compile import Planned
from torch import Tensor

from ganbench_kernels.jit.norm_act_gradients import plan_input_gradient, plan_merge_sums, plan_partial_sums
from ganbench_kernels.jit.norm_act_normalize import plan_normalize
from ganbench_kernels.jit.norm_act_small import plan_small_backward, plan_small_forward
from ganbench_kernels.jit.norm_act_statistics import plan_merge_statistics, plan_partial_statistics
from ganbench_kernels.jit.norm_act_tiling import MOST_TILES, small_tiling, tiling

# Triton 3.8 spends more of a thread's registers on reading ahead in the loop of a reduction: 72 leave 7 programs of 128 threads on a
# multiprocessor where 64 left 8. What it costs waits for a GPU; earlier versions are held to 64.
_REGISTERS_OF_A_REDUCTION = 72 if tuple(map(int, triton.__version__.split(".")[:2])) >= (3, 8) else 64


def planned() -> dict[str, Planned]:
    """Return the launches by name: several channels in a tile, or one."""
    rows = staged(empty(128, 64, 32, 32, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last))
    planes = staged(empty(128, 64, 32, 32))
    small = whole(empty(64, 512, 4, 4, dtype=torch.bfloat16))
    long = whole(empty(128, 512, 4, 4, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last))
    return {
        **{f"rows-bf16-{name}": rows[name] for name in ("statistics", "merge", "normalize", "sums", "gradient")},
        "planes-fp32-gradient": planes["gradient"],
        **{f"small-bf16-{name}": launch for name, launch in small.items()},
        **{f"long-bf16-{name}": launch for name, launch in long.items()},
    }


def staged(x: Tensor) -> dict[str, Planned]:
    """Plan the launches of two stages and a pass."""
    mean, invstd, weight, bias, running_mean, running_var = (empty(x.shape[1]) for _ in range(6))
    statistics, sums, y = (mean, invstd), (weight, bias), torch.empty_like(x)
    cut, cut_back = tiling(x), tiling(x, backward=True)
    pass_, pass_back = tiling(x, most_tiles=MOST_TILES), tiling(x, backward=True, most_tiles=MOST_TILES)
    parts, parts_back = empty(2, cut.chunks, cut.groups), empty(2, cut_back.chunks, cut_back.groups)
    merge = plan_merge_statistics(parts, mean, invstd, running_mean, running_var, cut, momentum=0.1, eps=1e-5)
    return {
        # Few results, not stored in wide accesses.
        "statistics": Planned(plan_partial_statistics(x, parts, cut), wide=False, registers=_REGISTERS_OF_A_REDUCTION),
        "merge": Planned(merge, wide=False),
        "normalize": Planned(plan_normalize(x, mean, invstd, weight, bias, y, pass_, slope=0.2)),
        "sums": Planned(plan_partial_sums(y, x, statistics, weight, bias, parts_back, cut_back, slope=0.2), wide=False),
        "merge_sums": Planned(plan_merge_sums(parts_back, invstd, mean, bias, cut_back), wide=False),
        "gradient": Planned(plan_input_gradient(y, x, statistics, weight, bias, sums, y, pass_back, slope=0.2)),
    }


def whole(x: Tensor) -> dict[str, Planned]:
    """Plan the launches of one program for whole channels."""
    mean, invstd, weight, bias, running_mean, running_var = (empty(x.shape[1]) for _ in range(6))
    statistics, sums, running = (mean, invstd), (weight, bias), (running_mean, running_var)
    cut, cut_back = small_tiling(x), small_tiling(x, backward=True)
    assert cut is not None
    assert cut_back is not None
    forward = plan_small_forward(x, weight, bias, running, statistics, torch.empty_like(x), cut, momentum=0.1, eps=1e-5, slope=0.2)
    backward = plan_small_backward(x, x, statistics, weight, bias, sums, torch.empty_like(x), cut_back, slope=0.2)
    # One program of 512 threads on a multiprocessor is enough here, and leaves each thread 128 registers.
    return {"forward": Planned(forward, registers=128), "backward": Planned(backward, registers=128)}


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return a tensor without storage."""
    return torch.empty(shape, dtype=dtype, device="meta")

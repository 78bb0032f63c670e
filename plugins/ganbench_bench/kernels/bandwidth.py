"""How fast this device copies: what a kernel that only moves bytes cannot beat."""

from __future__ import annotations

import torch

from ganbench_bench.interval import Interval
from ganbench_bench.kernels.timers import make_timer, rounds_for

_MIB = {"cuda": 512, "cpu": 64}


def copy_bandwidth(device: torch.device, *, blocks: int, seconds: float, mib: int | None = None) -> Interval:
    """Return the GB/s of a copy within the device, bytes read and bytes written both counted.

    Args:
        device: a GPU or the CPU.
        blocks: timings; their median is returned with its interval.
        seconds: how long each takes.
        mib: size of what is copied; by default far more than a cache holds.
    """
    size = (_MIB.get(device.type, 64) if mib is None else mib) * 2**20
    source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    timer, _ = make_timer([lambda: target.copy_(source)], device)
    rounds = rounds_for(timer, seconds)
    return Interval.of([2e-9 * size * rounds / timer.seconds(rounds) for _ in range(blocks)])

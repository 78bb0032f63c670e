"""How fast this device copies and multiplies: what nothing that only moves bytes, or only multiplies, can beat."""

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


_SIDE = {"cuda": 8192, "cpu": 768}


def matrix_rate(device: torch.device, precision: str, *, blocks: int, seconds: float) -> Interval:
    """Return the TFLOP/s of one large matrix product, a multiplication and an addition counted as two.

    Args:
        device: a GPU or the CPU.
        precision: fp32, tf32 or bf16; the switches of TF32 are as the process has them.
        blocks: timings; their median is returned with its interval.
        seconds: how long each takes.
    """
    side = _SIDE.get(device.type, 768)
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32) for _ in range(2))
    product = torch.empty_like(a)
    timer, _ = make_timer([lambda: torch.mm(a, b, out=product)], device)
    rounds = rounds_for(timer, seconds)
    return Interval.of([2e-12 * side**3 * rounds / timer.seconds(rounds) for _ in range(blocks)])

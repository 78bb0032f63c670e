"""Timing several things against each other on a machine that is never quite idle: in blocks of A B B A.

Whatever slows the machine down slows all of them, and each block gives one ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch

from ganbench_bench.interval import Interval

Name = TypeVar("Name")
Run = Callable[[int], float | None]
"""Runs so many steps; returns the CPU seconds of another process, where that did it."""
Quarter = Callable[[], float]
"""Does a fixed piece of work and returns the seconds that it took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two loops."""

    run: Run
    threads: int | None
    """CPU threads that it is given; None where it sees to that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interleaved:
    """Two loops in blocks of A B B A."""

    wall: Interval
    """The second loop's time over the first's."""
    cpu: Interval
    """The same from the CPU time of the loops' processes: what other processes take away is not in it, nor are data-loading workers."""
    first_milliseconds: float
    """Wall time of a step, the median over the blocks."""
    second_milliseconds: float
    blocks: int
    steps: int
    """Steps of each side in one quarter of a block."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        return asdict(self)


def interleaved(quarters: Mapping[Name, Quarter], *, blocks: int) -> dict[Name, list[float]]:
    """Time any number of things in blocks that go through them forwards and backwards: A B C C B A.

    Args:
        quarters: what is timed, by name; already warm.
        blocks: how often.

    Returns:
        For each name the mean seconds of a quarter, block by block.
    """
    names = list(quarters)
    order = names + names[::-1]
    seconds: dict[Name, list[float]] = {name: [] for name in quarters}
    for _ in range(blocks):
        block = dict.fromkeys(quarters, 0.0)
        for name in order:
            block[name] += quarters[name]() / 2
        for name, taken in block.items():
            seconds[name].append(taken)
    return seconds


def measure(first: Side, second: Side, *, blocks: int, steps: int) -> Interleaved:
    """Time two loops by their wall and their CPU time in blocks of A B B A.

    Args:
        first: A; already warm.
        second: B; already warm.
        blocks: how many ratios are taken.
        steps: steps in each quarter of a block.
    """
    wall: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    for _ in range(blocks):
        times = [_timed(side, steps) for side in (first, second, second, first)]
        for kind, place in ((wall, 0), (cpu, 1)):
            a1, b1, b2, a2 = (t[place] for t in times)
            kind.append((a1 + a2, b1 + b2))
    return Interleaved(
        wall=Interval.of([b / a for a, b in wall]),
        cpu=Interval.of([b / a for a, b in cpu]),
        first_milliseconds=1e3 * statistics.median(a for a, _ in wall) / (2 * steps),
        second_milliseconds=1e3 * statistics.median(b for _, b in wall) / (2 * steps),
        blocks=blocks,
        steps=steps,
    )


def _timed(side: Side, steps: int) -> tuple[float, float]:
    """Return the wall and CPU seconds of so many steps."""
    if side.threads is not None:
        torch.set_num_threads(side.threads)
    wall, cpu = time.perf_counter(), time.process_time()
    elsewhere = side.run(steps)
    return time.perf_counter() - wall, time.process_time() - cpu if elsewhere is None else elsewhere

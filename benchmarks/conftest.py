"""What the benchmarks share: measuring two loops against each other on a machine that is never quite idle."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganbench.results.fingerprint import hardware_key, software_key

sys.path.insert(0, str(Path(__file__).parent))  # the loops are a module beside the benchmarks

RESAMPLES = 2_000
Run = Callable[[int], float | None]
"""Runs so many steps; returns the CPU seconds of another process, where that did it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two loops."""

    run: Run
    threads: int | None
    """CPU threads that it is given; None where it sees to that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """The second loop's time over the first's: the median over the blocks, with a bootstrap interval of 95 %."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        draws = np.random.default_rng(0).choice(ratios, size=(RESAMPLES, len(ratios)))
        low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
        return cls(median=statistics.median(ratios), low=float(low), high=float(high))

    def __str__(self) -> str:
        return f"{self.median:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interleaved:
    """Two loops in blocks of A B B A."""

    wall: Ratio
    cpu: Ratio
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


def measure(first: Side, second: Side, *, blocks: int, steps: int) -> Interleaved:
    """Time two loops in blocks of A B B A, so that whatever slows the machine down slows both.

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
        wall=Ratio.of([b / a for a, b in wall]),
        cpu=Ratio.of([b / a for a, b in cpu]),
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


@pytest.fixture(scope="session")
def interleave() -> Callable[..., Interleaved]:
    """Return ``interleave(run_a, run_b, threads=(1, 1), blocks=..., steps=...)``."""

    def call(first: Run, second: Run, *, threads: tuple[int | None, int | None], blocks: int, steps: int) -> Interleaved:
        sides = Side(run=first, threads=threads[0]), Side(run=second, threads=threads[1])
        return measure(*sides, blocks=blocks, steps=steps)

    return call


@pytest.fixture
def machine() -> Callable[[int], dict[str, Any]]:
    """Return a function from the thread count to the fields of the hardware and software keys."""

    def describe(threads: int) -> dict[str, Any]:
        software = software_key(
            device="cpu",
            precision="fp32",
            tf32=False,
            deterministic=False,
            threads=threads,
            runner="eager",
            channels_last=True,
            keep_memory=True,
        )
        return {"hardware": dict(hardware_key("cpu").fields), "software": dict(software.fields)}

    return describe

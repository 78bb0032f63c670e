"""How an iteration is executed. Eager here; a runner that captures or compiles the phases fits behind the same protocol."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Protocol

import torch

from ganbench.training.algorithm import Algorithm

_SAMPLE_EVERY = 16
"""On a GPU the phases of every 16th iteration are timed by events; on a CPU every phase is."""


class StepRunner(Protocol):
    """Executes iterations of an algorithm."""

    name: str

    def run(self, iteration: int) -> None:
        """Execute one iteration without waiting for the device."""
        ...

    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        """Return the mean time of each phase; this synchronises."""
        ...


class EagerRunner:
    """Calls each phase as it is written."""

    name = "eager"

    def __init__(self, algorithm: Algorithm, device: torch.device) -> None:
        self._algorithm = algorithm
        self._phases = algorithm.phases()
        self._timer = _EventTimer() if device.type == "cuda" else _ClockTimer()

    def run(self, iteration: int) -> None:
        """Call the phases of this iteration in order."""
        for name in self._algorithm.plan(iteration):
            self._timer.begin(iteration)
            self._phases[name]()
            self._timer.end(name)

    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        """Return the mean time of each phase."""
        return self._timer.means()


class _ClockTimer:
    """Host clock: exact where the host does the work."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._began = 0.0

    def begin(self, iteration: int) -> None:
        self._began = time.perf_counter()

    def end(self, name: str) -> None:
        self._seconds[name] += time.perf_counter() - self._began
        self._counts[name] += 1

    def means(self) -> tuple[tuple[str, float], ...]:
        return tuple((name, 1e3 * self._seconds[name] / self._counts[name]) for name in sorted(self._seconds))


class _EventTimer:
    """Device events around a sample of the iterations."""

    def __init__(self) -> None:
        self._pairs: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._open: torch.cuda.Event | None = None

    def begin(self, iteration: int) -> None:
        self._open = None
        if iteration % _SAMPLE_EVERY == 0 and len(self._pairs) < 4096:
            self._open = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            self._open.record()

    def end(self, name: str) -> None:
        if self._open is not None:
            closing = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            closing.record()
            self._pairs.append((name, self._open, closing))

    def means(self) -> tuple[tuple[str, float], ...]:
        torch.cuda.synchronize()
        by_name: dict[str, list[float]] = defaultdict(list)
        for name, begin, end in self._pairs:
            by_name[name].append(begin.elapsed_time(end))
        return tuple((name, sum(v) / len(v)) for name, v in sorted(by_name.items()))


def make_runner(name: str, algorithm: Algorithm, device: torch.device) -> StepRunner:
    """Return the runner that ``--runner`` names; ``auto`` is eager."""
    assert name in ("auto", "eager"), name
    return EagerRunner(algorithm, device)

"""The runner that calls each phase as it is written, and how long each phase takes.

Phases are timed by the host's clock where the host does the work, and by device events on a GPU.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Protocol

import torch

from ganbench.training.algorithm import PhaseTimer, Steps, by_name, play


class StepRunner(Protocol):
    """Executes iterations of an algorithm."""

    name: str

    def start(self) -> None:
        """Capture or compile whatever can be before the first iteration; the algorithm is left as it was found.

        Raises:
            RunFailed: it cannot be run this way; the message says why.
        """
        ...

    def run(self, iteration: int) -> None:
        """Execute one iteration without waiting for the device."""
        ...

    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        """Return the mean time of each phase; this synchronises."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the record must know of how the steps were executed."""
        ...


class EagerRunner:
    """Calls each phase as it is written."""

    name = "eager"

    def __init__(self, algorithm: Steps, device: torch.device) -> None:
        self._algorithm = algorithm
        self._phases = by_name(algorithm.phases())
        self._timer = make_timer(device)

    def start(self) -> None:
        """Do nothing: there is nothing to get ready."""

    def run(self, iteration: int) -> None:
        """Call the phases of this iteration in order."""
        play(self._algorithm, iteration, self._phases, self._timer)

    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        """Return the mean time of each phase."""
        return self._timer.means()

    def notes(self) -> tuple[str, ...]:
        """Return nothing: the steps are as they are written."""
        return ()


_SAMPLE_EVERY = 16
"""On a GPU the phases of every 16th iteration are timed; on a CPU every phase is."""
_MOST_PAIRS = 4096


def make_timer(device: torch.device) -> PhaseTimer:
    """Return the timer that suits a device."""
    return _EventTimer() if device.type == "cuda" else _ClockTimer()


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
        if iteration % _SAMPLE_EVERY == 0 and len(self._pairs) < _MOST_PAIRS:
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

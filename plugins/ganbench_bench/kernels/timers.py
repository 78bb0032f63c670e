"""Ways to time calls: replays of a CUDA graph, device events, the wall clock.

Each timer makes the same calls round after round, one for each of several sets of inputs, so that a cache does not hold what is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

Call = Callable[[], object]
WARM_UP = 3


class Timer(Protocol):
    """Calls that are ready to be timed."""

    kind: str
    """``graph``, ``events`` or ``wall clock``."""
    calls: int
    """Calls in one round."""

    def seconds(self, rounds: int) -> float:
        """Make so many rounds and return the seconds that they took."""
        ...


class GraphTimer:
    """Replays a CUDA graph that holds one round: no host work is in it, and the gaps between launches are the device's own.

    Args:
        calls: already warm, made on the current stream, which must not be the default one.

    Raises:
        RuntimeError: a call cannot be captured.
    """

    kind = "graph"

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = len(calls)
        self.graph = torch.cuda.CUDAGraph(keep_graph=True)
        with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream()):
            # Kept, so that each call writes to memory of its own, as the steps of a training do.
            self._results = [call() for call in calls]
        self.graph.instantiate()
        self.graph.replay()

    def seconds(self, rounds: int) -> float:
        """Replay so many rounds."""
        return _between_events(self.graph.replay, rounds)


class EventTimer:
    """Makes the calls one by one between two events: where the device waits for the host, that is in the time."""

    kind = "events"

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls, self._calls = len(calls), calls

    def seconds(self, rounds: int) -> float:
        """Make so many rounds."""
        return _between_events(lambda: _each(self._calls), rounds)


class WallTimer:
    """The wall clock, for a device that works while the host waits."""

    kind = "wall clock"

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls, self._calls = len(calls), calls

    def seconds(self, rounds: int) -> float:
        """Make so many rounds."""
        began = time.perf_counter()
        for _ in range(rounds):
            _each(self._calls)
        return time.perf_counter() - began


def make_timer(calls: Sequence[Call], device: torch.device) -> tuple[Timer, str]:
    """Return the best timer for some calls, and why it is not a graph where one was to be expected.

    Args:
        calls: one for each set of inputs; they are made a few times first.
        device: where they run.
    """
    for _ in range(WARM_UP):
        _each(calls)
    if device.type != "cuda":
        return WallTimer(calls), ""
    torch.cuda.synchronize(device)
    try:
        return GraphTimer(calls), ""
    except RuntimeError as error:
        torch.cuda.synchronize(device)
        return EventTimer(calls), f"timed with events, host time included: it could not be captured ({first_line(error)})"


def first_line(error: BaseException) -> str:
    """Return what an error says first, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


def rounds_for(timer: Timer, seconds: float) -> int:
    """Return how many rounds take about so long."""
    timer.seconds(1)
    return max(1, min(10_000, round(seconds / max(timer.seconds(1), 1e-7))))


def _each(calls: Sequence[Call]) -> None:
    for call in calls:
        call()


def _between_events(run: Callable[[], object], rounds: int) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    for _ in range(rounds):
        run()
    end.record()
    end.synchronize()
    return 1e-3 * float(begin.elapsed_time(end))

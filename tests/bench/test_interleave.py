"""The order in which things are timed, and what is made of the times."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ganbench_bench import interleave
from ganbench_bench.interleave import Side, interleaved, measure


def test_each_block_goes_there_and_back() -> None:
    """A B C C B A, as often as there are blocks."""
    order: list[str] = []

    def quarter(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    seconds = interleaved({name: quarter(name) for name in "abc"}, blocks=2)
    assert "".join(order) == "abccbaabccba"
    # The n-th quarter took n seconds: a drift that is even gives all three the same mean.
    assert seconds == {"a": [3.5, 9.5], "b": [3.5, 9.5], "c": [3.5, 9.5]}


def test_two_loops_are_compared_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only the loops move: the second takes twice the time, and its own process says what CPU time it took."""
    now = [0.0]
    monkeypatch.setattr(interleave.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(interleave.time, "process_time", lambda: now[0])

    def loop(seconds: float, elsewhere: float | None) -> Callable[[int], float | None]:
        def run(steps: int) -> float | None:
            now[0] += steps * seconds
            return elsewhere

        return run

    found = measure(Side(run=loop(1.0, None), threads=None), Side(run=loop(2.0, 9.0), threads=None), blocks=3, steps=3)
    assert (found.wall.median, found.wall.low, found.wall.high) == (2.0, 2.0, 2.0)
    assert found.cpu.median == 3.0
    assert (found.first_milliseconds, found.second_milliseconds) == (1000.0, 2000.0)
    assert found.as_dict()["blocks"] == 3

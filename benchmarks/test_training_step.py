"""The training step against two loops that are written out in ``ganbench_bench.step``: what the harness costs, and what it gains.

The overhead is the harness over the same numerics by hand, in one process. The speed-up is pytorch/examples' loop over the harness; that
loop runs in a process of its own, because the harness's allocator settings would serve it too. It is fed by its DataLoader, as it stands;
by a tensor that is ready; or by that and with the harness's allocator settings, which leaves only the arithmetic and its layout to differ.

Each loop is first shown to give the same losses from the same weights, latents and images; only then is it timed, in blocks of A B B A.
Nothing here asserts a time: ratios are printed, and stored with the benchmark as ``extra_info``.

Run with ``OMP_NUM_THREADS=1 pytest benchmarks/test_training_step.py -s``; without the variable each gets the threads that suit it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from training_cases import CASES, Case

from ganbench_bench.step.by_hand import ByHand
from ganbench_bench.step.feeds import from_tensor
from ganbench_bench.step.harness import Harness
from ganbench_bench.step.published import Published

CHECKED_STEPS = 3
"""Steps whose losses must agree before anything is timed."""
PROCESS = Path(__file__).parent / "published_loop.py"


class PublishedProcess:
    """The published loop in a process of its own."""

    def __init__(self, case: str, *, feed: str, keep_memory: bool) -> None:
        arguments = json.dumps({"case": case, "feed": feed, "keep_memory": keep_memory})
        self._process = subprocess.Popen(
            [sys.executable, str(PROCESS), arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self.threads = int(self._answer())

    def run(self, steps: int) -> float:
        """Take so many steps and return the CPU seconds that they took there."""
        assert self._process.stdin is not None
        print(steps, file=self._process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.communicate("")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the published loop has ended; its error stands above"
        return line


def check(harness: Harness, published: bool) -> None:
    """Prove that the loops train alike: the harness and the loop by hand in float32, that and the published loop in float64.

    In float32 the published loop drifts away by Adam's first steps, which are signs: rounding turns them where a gradient is near 0.
    """
    by_hand = ByHand(harness, average=True)
    torch.testing.assert_close(harness.losses(CHECKED_STEPS), by_hand.losses(CHECKED_STEPS), rtol=1e-5, atol=1e-6)
    if published:
        exact = ByHand(harness, average=False, dtype=torch.float64)
        other = Published(harness, from_tensor(harness, torch.float64), torch.float64)
        torch.testing.assert_close(other.losses(CHECKED_STEPS), exact.losses(CHECKED_STEPS), rtol=1e-9, atol=1e-9)


@pytest.fixture
def make_harness(tmp_path: Path) -> Iterator[Callable[..., Harness]]:
    """Return what builds a harness; it is closed behind the test."""
    with contextlib.ExitStack() as made:

        def make(case: Case, **training: object) -> Harness:
            return made.enter_context(contextlib.closing(Harness(case.plugin, case.settings, tmp_path / "run", **training)))

        yield make


@pytest.mark.parametrize("average", [True, False], ids=["with-average", "without-average"])
@pytest.mark.parametrize("name", CASES)
def test_overhead_of_the_harness(
    benchmark: BenchmarkFixture, interleave: Any, machine: Any, make_harness: Any, name: str, average: bool
) -> None:
    """The harness against a loop by hand; the average of the generator is part of the numerics, or (stricter) of the overhead."""
    case = CASES[name]
    harness = make_harness(case, ema_halflife_kimg=2.0)
    check(harness, published=False)
    by_hand = ByHand(harness, average=average)
    by_hand.run(CHECKED_STEPS)

    found = interleave(by_hand.run, harness.run, threads=(harness.threads,) * 2, blocks=case.blocks, steps=1)
    benchmark.extra_info.update(case=name, average_by_hand=average, threads=harness.threads, **found.as_dict(), **machine(harness.threads))
    print(
        f"\n{name}, {harness.threads} threads, average {'in both' if average else 'in the harness only'}: harness / by hand"
        f" wall {found.wall}, CPU {found.cpu}; {found.first_milliseconds:.2f} ms by hand, {found.second_milliseconds:.2f} ms harness"
    )
    benchmark.pedantic(harness.run, args=(1,), rounds=20)


FEEDS = {"loader": ("loader", False), "tensor": ("tensor", False), "tensor-same-allocator": ("tensor", True)}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", CASES)
def test_throughput_against_the_published_loop(
    benchmark: BenchmarkFixture, interleave: Any, machine: Any, make_harness: Any, name: str, feed: str
) -> None:
    """The harness against pytorch/examples' loop: the same networks, batch size and precision."""
    case, (source, keep_memory) = CASES[name], FEEDS[feed]
    harness = make_harness(case)
    check(harness, published=True)

    with contextlib.closing(PublishedProcess(name, feed=source, keep_memory=keep_memory)) as published:
        # With a loader a whole epoch, or its workers would have fetched everything while the other loop ran.
        blocks, steps = (case.epoch_blocks, harness.epoch_steps) if source == "loader" else (case.blocks, 1)
        found = interleave(harness.run, published.run, threads=(harness.threads, None), blocks=blocks, steps=steps)
    benchmark.extra_info.update(case=name, feed=feed, threads=harness.threads, published_threads=published.threads, **found.as_dict())
    benchmark.extra_info.update(machine(harness.threads))
    print(
        f"\n{name}, threads {harness.threads} and {published.threads}, published loop fed by {feed}:"
        f" speed-up wall {found.wall}, CPU {found.cpu};"
        f" {found.first_milliseconds:.2f} ms harness, {found.second_milliseconds:.2f} ms published"
    )
    benchmark.pedantic(harness.run, args=(1,), rounds=20)

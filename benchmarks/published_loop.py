"""Runs the published loop in a process of its own, for ``test_training_step``.

The argument is a JSON object: case, feed (``tensor`` or ``loader``), keep_memory. The first line of the output is the thread count; then
each line of the input is a number of steps to take, and is answered by the CPU seconds that they took.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from loader_feed import from_loader
from training_cases import CASES

from ganbench.record.probes import available_cpus
from ganbench.run.calibration import candidate_counts
from ganbench_bench.step.feeds import from_tensor
from ganbench_bench.step.harness import Harness
from ganbench_bench.step.published import Published

WARM_UP_STEPS = 3


def fastest_threads(loop: Published) -> int:
    """Set and return the thread count that suits the loop best, as the harness does for its own; or what OMP_NUM_THREADS says."""
    if not os.environ.get("OMP_NUM_THREADS", "").isdigit():
        seconds: dict[int, list[float]] = {count: [] for count in candidate_counts(available_cpus())}
        for _ in range(5):
            for count, taken in seconds.items():
                torch.set_num_threads(count)
                began = time.perf_counter()
                loop.step()
                taken.append(time.perf_counter() - began)
        torch.set_num_threads(min(seconds, key=lambda count: statistics.median(seconds[count])))
    return torch.get_num_threads()


def build(case: str, feed: str, keep_memory: bool) -> Published:
    """Build the loop from what the harness would start with."""
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(CASES[case].plugin, CASES[case].settings, Path(folder) / "run", threads=1, keep_memory=keep_memory)
        batches = from_loader(harness) if feed == "loader" else from_tensor(harness)
        made = Published(harness, batches)
        harness.close()
    return made


def main() -> None:
    """Answer until the input ends."""
    loop = build(**json.loads(sys.argv[1]))
    threads = fastest_threads(loop)
    loop.run(WARM_UP_STEPS)
    print(threads, flush=True)
    for steps in map(int, sys.stdin):
        began = time.process_time()
        loop.run(steps)
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()

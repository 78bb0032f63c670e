"""How long the command line takes to answer where it need not train: ``ganbench --help`` and ``ganbench plugins list``.

Each command is first shown to succeed and to import neither torch nor numpy nor rich; then it is timed beside ``python -c pass``, the part
that is not ours. Nothing here asserts a time: medians are printed, and stored with the benchmark as ``extra_info``.

Run with ``pytest benchmarks/test_startup.py -s``.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 10
HEAVY = re.compile(r"^import time:.*\|\s+(torch|numpy|rich)\s*$", re.MULTILINE)
"""A line of ``-X importtime``."""


def _run(*arguments: str) -> float:
    """Run Python with arguments; return the seconds it took."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


@pytest.mark.parametrize("command", [("--help",), ("plugins", "list")], ids=" ".join)
def test_answers_quickly(benchmark: BenchmarkFixture, machine: Any, command: tuple[str, ...]) -> None:
    """The median of ten, with the bare interpreter in turn."""
    checked = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ganbench", *command], check=True, capture_output=True, encoding="utf-8"
    )
    assert checked.stdout
    assert HEAVY.findall(checked.stderr) == []

    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_run("-m", "ganbench", *command))
        bare.append(_run("-c", "pass"))
    seconds = statistics.median(ours)
    benchmark.extra_info.update(
        command=" ".join(command), median_seconds=seconds, seconds=ours, python_seconds=statistics.median(bare), **machine(1)
    )
    print(f"\nganbench {' '.join(command)}: {seconds:.3f} s (median of {ROUNDS}), of which Python itself {statistics.median(bare):.3f} s")
    benchmark.pedantic(_run, args=("-m", "ganbench", *command), rounds=3)

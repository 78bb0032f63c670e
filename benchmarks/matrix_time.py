"""What a matrix costs: 24 short cells one at a time and two at a time, and how much of a cell's time is neither training nor evaluation.

``python benchmarks/matrix_time.py [--cells 24] [--kimg 6] [--threads 1]`` runs both in folders that are removed again and prints the two
times, their ratio, and the mean overhead of a cell beyond the seconds that its own record accounts for. Both find the same warm cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_RATIO, MOST_OVERHEAD_SECONDS = 0.6, 3.0
ACCOUNTED = ("training_seconds", "evaluation_seconds", "checkpoint_seconds", "sampling_seconds")


def main() -> None:
    """Run and print."""
    arguments = parse()
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    importing = seconds_of([sys.executable, "-c", "import torch"], environment)
    with tempfile.TemporaryDirectory() as folder:
        run(arguments, Path(folder) / "warm", 1, environment, cells=1)
        alone = run(arguments, Path(folder) / "alone", 1, environment, cells=arguments.cells)
        paired = run(arguments, Path(folder) / "paired", 2, environment, cells=arguments.cells)
        own = accounted(Path(folder) / "alone")
    overhead = (alone - own) / arguments.cells - importing
    print(f"{arguments.cells} cells of {arguments.kimg:g} kimg, {arguments.threads} thread each; importing torch takes {importing:.1f} s")
    print(f"one at a time {alone:.1f} s, two at a time {paired:.1f} s: {paired / alone:.2f} of it{told(paired / alone <= MOST_RATIO)}")
    print(f"a cell trains and is measured for {own / arguments.cells:.1f} s")
    print(f"beyond that and importing torch a cell costs {overhead:.1f} s{told(overhead <= MOST_OVERHEAD_SECONDS)}")


def run(arguments: argparse.Namespace, folder: Path, jobs: int, environment: dict[str, str], *, cells: int) -> float:
    """Return how long a matrix takes."""
    axes = ["-a", "plugin=dcgan", "-a", f"seed=0..{cells - 1}", "--set", f"kimg={arguments.kimg}", "--set", "device=cpu"]
    command = [sys.executable, "-m", "ganbench", "matrix", *axes, "--jobs", str(jobs), "--out", str(folder), "--quiet"]
    return seconds_of(command, environment)


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """Return how long a command takes that must succeed."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def accounted(folder: Path) -> float:
    """Return the seconds that the runs of a folder say they spent on what was asked of them."""
    timings = [json.loads(path.read_text(encoding="utf-8"))["timing"] for path in folder.glob("*/record.json")]
    return sum(timing[name] for timing in timings for name in ACCOUNTED)


def told(kept: bool) -> str:
    """Return what follows a figure."""
    return f" ({'as promised' if kept else 'NOT as promised'})"


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--kimg", type=float, default=6.0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Collect real process pairs of identical code, as `ganbench ab` measures them, while another process loads one core.

``python benchmarks/error_rates.py --pairs 200 --slowdown 0,5,10 [--plugin dcgan] [--set A.B=C] --out FILE``. The pairs of the slowdowns (in
percent, added to head's time) take turns, so that all see the same machine. FILE gets one line of JSON for each pair; called again, the
command goes on where it was ended. ``error_rates_table.py`` resamples the pairs into comparisons.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ganbench import GanbenchError
from ganbench_gate.lockstep import PairPlan, PairResult, log_ratio_of, run_pair
from ganbench_gate.side import Side, make_launch

LOAD = """
import hashlib, os
data, parent = bytes(range(256)) * 65536, os.getppid()
while os.getppid() == parent:  # ends with who started it
    for _ in range(10):
        hashlib.sha256(data[: 1 << 20]).digest()
        bytearray(data)
"""
"""Arithmetic in the caches, and 16 MiB through the memory."""
MOST_FAILURES = 5
TREE = Path(__file__).resolve().parents[1]


def main() -> None:
    """Collect what is missing."""
    arguments = parse()
    done = count_done(arguments.out, arguments.plugin)
    began, taken, failures = time.perf_counter(), 0, 0
    with loaded_core(arguments.load, arguments.load_core):
        for index in range(arguments.pairs):
            for slowdown in arguments.slowdown:
                if index < done.get(slowdown, 0) or failures >= MOST_FAILURES:
                    continue
                try:
                    line = measure(arguments, slowdown, index)
                except GanbenchError as error:
                    failures += 1
                    print(f"pair {index} at {slowdown} %: {error}", file=sys.stderr)
                    continue
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line, separators=(",", ":")) + "\n")
                taken += 1
                each = (time.perf_counter() - began) / taken
                print(
                    f"{time.strftime('%H:%M:%S')} pair {index} at {slowdown:g} %: {line['log_ratio']:+.4f}, {each:.1f} s each", flush=True
                )


def measure(arguments: argparse.Namespace, slowdown: float, index: int) -> dict[str, object]:
    """Return one pair as a line."""
    settings = dict(pair.split("=", 1) for pair in arguments.settings)
    base = Side(name="this tree", plugin=arguments.plugin, settings=settings, tree=TREE)
    head = Side(name="this tree", plugin=arguments.plugin, settings=settings, tree=TREE, slowdown=slowdown / 100)
    launches = {role: make_launch(role, side, threads=arguments.threads) for role, side in (("base", base), ("head", head))}
    load = os.getloadavg()[0]
    pair = run_pair(launches, PairPlan(), random.Random(f"{arguments.seed} {slowdown:g} {index}"))
    return {
        "plugin": arguments.plugin,
        "slowdown": slowdown,
        "index": index,
        "log_ratio": round(log_ratio_of(pair), 6),
        "base": compact(pair, "base"),
        "head": compact(pair, "head"),
        "steps_per_block": pair.steps_per_block,
        "spawned_first": pair.spawn_order[0],
        "seconds": round(pair.seconds, 2),
        "load_before": round(load, 2),
        "load_core": arguments.load_core,
        "finished": int(time.time()),
    }


def compact(pair: PairResult, side: str) -> list[float]:
    """Return images per second of each block in five digits."""
    return [float(f"{value:.5g}") for value in pair.sides[side].samples_per_second]


def count_done(path: Path, plugin: str) -> dict[float, int]:
    """Return the pairs of each slowdown that a file holds; a line that was cut off is cut away, so that the next one is whole."""
    done: dict[float, int] = {}
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    for line in map(json.loads, whole.splitlines()):
        if line["plugin"] == plugin:
            done[line["slowdown"]] = done.get(line["slowdown"], 0) + 1
    return done


@contextlib.contextmanager
def loaded_core(processes: int, core: int | None) -> Iterator[None]:
    """Keep so many cores busy inside the block, or one core by its number."""
    loads = [subprocess.Popen([sys.executable, "-c", LOAD]) for _ in range(processes)]
    for load in loads if core is not None else ():
        os.sched_setaffinity(load.pid, {core})
    try:
        yield
    finally:
        for load in loads:
            load.kill()
            load.wait()


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=200, help="of each slowdown")
    parser.add_argument("--slowdown", type=lambda text: [float(part) for part in text.split(",")], default=[0.0], help="percent: 0,5,10")
    parser.add_argument("--plugin", default="dcgan")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="A.B=C")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--load", type=int, default=1, help="processes that keep a core busy each")
    parser.add_argument("--load-core", type=int, help="bind them to this core; the pairs may run on any")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()

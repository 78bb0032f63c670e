"""Has the CPU step become slower? Two source trees, each in a process of its own, in alternating blocks of A B B A.

``python benchmarks/between_versions.py BASE HEAD [--pairs 3] [--json FILE]``; BASE and HEAD are folders with a checkout. Both processes
stay alive, and the parent alternates short blocks between them, so that whatever slows the machine down slows both. Each pair of processes gives
one ratio; the pairs are the sample, and which side is started first alternates.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

NO_NORM = {"architecture.options.discriminator_norm": "none"}
CASES = {
    "digits-16": ("dcgan", {"dataset.name": "digits", "training.batch_size": 64}, 6),
    "dcgan-64": ("dcgan-64", {"dataset.name": "synthetic", "dataset.options.num_images": 512}, 1),
    "wgan-gp-16": (
        "dcgan",
        {"loss.name": "wasserstein", "loss.options.gp_weight": 10.0, "architecture.options.discriminator_norm": "none"},
        6,
    ),
}
"""Plugin, settings, and steps in one quarter of a block."""
BLOCKS = {"digits-16": 30, "dcgan-64": 8, "wgan-gp-16": 30}

WORKER = """
import json, sys, time
import torch
torch.set_num_threads(1)
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.training.runner import make_runner
from ganbench.training.setup import build_materials
plugin, settings = json.loads(sys.argv[1])
manager = PluginManager()
settings |= {"training.device": "cpu", "evaluation.metrics": "none", "training.total_kimg": 1e6}
materials = build_materials(resolve(manager, plugin, [Layer(origin="benchmark", settings=settings)]), manager, ())
runner, seen, done = make_runner("eager", materials.algorithm, materials.device), 0, 0
for line in sys.stdin:
    began = time.perf_counter()
    for _ in range(int(line)):
        materials.algorithm.set_progress(seen)
        runner.run(done)
        seen += materials.algorithm.images_shown(done)
        done += 1
    print(time.perf_counter() - began, flush=True)
"""


class Side:
    """One tree's process."""

    def __init__(self, tree: Path, case: str) -> None:
        plugin, settings, self.steps = CASES[case]
        paths = [tree, tree / "kernels", tree / "plugins"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", WORKER, json.dumps([plugin, settings])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=tree)

    def run(self) -> float:
        """Take the steps of a quarter and return their seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(self.steps, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate("")


def one_pair(base_tree: Path, head_tree: Path, case: str, head_first: bool) -> float:
    """Return the median over the blocks of head / base for one pair of processes."""
    trees = {"base": base_tree, "head": head_tree}
    sides = {name: Side(trees[name], case) for name in (("head", "base") if head_first else ("base", "head"))}
    for side in sides.values():
        side.run()
    ratios = []
    for _ in range(BLOCKS[case]):
        a1, b1, b2, a2 = (sides[name].run() for name in ("base", "head", "head", "base"))
        ratios.append((b1 + b2) / (a1 + a2))
    for side in sides.values():
        side.close()
    return statistics.median(ratios)


def main() -> None:
    """Measure every case and print head / base."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("head", type=Path)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {}
    for case in CASES:
        ratios = [one_pair(arguments.base.resolve(), arguments.head.resolve(), case, bool(i % 2)) for i in range(arguments.pairs)]
        found[case] = {"head_over_base": math.exp(statistics.mean(map(math.log, ratios))), "pairs": ratios}
        print(f"{case}: head / base {found[case]['head_over_base']:.4f}, pairs {', '.join(f'{r:.4f}' for r in ratios)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

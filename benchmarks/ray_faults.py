"""Faults injected into matrices on a simulated Ray cluster: nothing finished may be lost, and nothing written twice.

``python benchmarks/ray_faults.py [--faults 100] [--out FILE.json]`` runs matrices of short cells on three simulated nodes and, at random
moments, kills a Ray worker or a cell's own process, takes a node away and adds another, or kills the driver and gives its command again.
Every record that has once been there is compared with what is there at the end: lost is one that has gone, changed is one of other bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fleet" / "cluster"))

from simulated import Matrix, Nodes, descendants

PATIENT = f"{Path(__file__).parents[1] / 'tests' / 'fleet' / 'cluster' / 'patient.py'}:build"
SETTINGS = ("dataset=ring8", "kimg=0.2", "batch_size=40", "device=cpu", "evaluation.metrics=none", "evaluation.grid_size=2")
WEIGHTS = {"worker": 3, "cell": 5, "node": 1, "driver": 1}
"""How often which fault comes."""
MOST_RECORDS, MOST_SECONDS = 2, 30.0
"""Between two faults so many cells may end, drawn at random, or so much time may pass."""


class Faults:
    """Injects faults and remembers.

    Args:
        options: of the command line.
        nodes: the cluster.
        folder: for the matrices.
    """

    def __init__(self, options: argparse.Namespace, nodes: Nodes, folder: Path) -> None:
        self._options, self._nodes, self._folder = options, nodes, folder
        self._random = random.Random(options.seed)
        self.counts: Counter[str] = Counter()
        self.seen: dict[Path, str] = {}
        self.cells = 0
        self.complaints: list[str] = []
        self._matrix: Matrix | None = None

    def run(self) -> None:
        """Run matrices until there were enough faults, the last one to its end."""
        try:
            while self.counts.total() < self._options.faults:
                self._run_one(self._folder / f"m{self.cells}")
                self.cells += self._options.cells
                print(f"{self.counts.total()} faults, {len(self.seen)} records of {self.cells} cells", file=sys.stderr)
        finally:
            if self._matrix is not None:
                self._matrix.kill()

    def _run_one(self, out: Path) -> None:
        seeds = ("-a", f"seed=0..{self._options.cells - 1}")
        axes = ("-a", f"plugin={PATIENT}", *seeds, *(f"--set={one}" for one in SETTINGS))
        how = ("--executor", "ray", "-x", f"address={self._nodes.address}", "--jobs", "3", "--retries", "99", "--out", str(out))
        self._matrix = matrix = Matrix(*axes, *how, folder=self._folder)
        due, enough = 0.0, 0
        while (code := matrix.process.poll()) is None:
            time.sleep(0.1)
            self._look(out)
            if self.counts.total() >= self._options.faults or not self._nodes.cells():
                continue
            if len(self.seen) < enough and time.monotonic() < due:
                continue
            time.sleep(self._random.uniform(0.0, 1.0))
            kind = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            if self._inject(kind, matrix):
                self.counts[kind] += 1
            if kind == "driver":
                self._matrix = matrix = Matrix(*axes, *how, folder=self._folder)
            due, enough = time.monotonic() + MOST_SECONDS, len(self.seen) + self._random.randint(0, MOST_RECORDS)
        self._look(out)
        records = len(list(out.glob("*/record.json")))
        if code or records != self._options.cells:
            self.complaints.append(f"{out.name} ended with {code} and {records} records: {matrix.err[-3:]}")
            print(self.complaints[-1], file=sys.stderr)

    def _inject(self, kind: str, matrix: Matrix) -> bool:
        """Do it; return whether there was anything to do it to."""
        workers = list(self._nodes.cells())
        if kind == "driver":
            matrix.kill()
        elif kind == "node":
            self._nodes.remove(self._random.choice(self._nodes.ids))
            self._nodes.add()
        else:
            below = [pid for worker in workers for pid in descendants(worker)]
            victims = workers if kind == "worker" else below
            if not victims:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(victims), signal.SIGKILL)
        return True

    def _look(self, out: Path) -> None:
        for path in out.glob("*/record.json"):
            if path not in self.seen:
                self.seen[path] = digest(path)

    @property
    def lost(self) -> list[str]:
        """Records that have gone."""
        return [path.parent.name for path in self.seen if not path.is_file()]

    @property
    def changed(self) -> list[str]:
        """Records that were written again."""
        return [path.parent.name for path, before in self.seen.items() if path.is_file() and digest(path) != before]


def digest(path: Path) -> str:
    """Return a hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Inject, compare and print."""
    options = parse()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Path(folder, "ray.txt").open("w") as log:
        os.environ["GANBENCH_CACHE"] = str(Path(folder, "cache"))
        nodes = Nodes(3, cpus=1, log=log)
        try:
            faults = Faults(options, nodes, Path(folder))
            faults.run()
        finally:
            nodes.close()
        figures = {
            "faults": dict(sorted(faults.counts.items())),
            "cells": faults.cells,
            "records": len(faults.seen),
            "lost": faults.lost,
            "changed": faults.changed,
            "complaints": faults.complaints,
            "seed": options.seed,
            "seconds": round(time.perf_counter() - began),
        }
    print(json.dumps(figures, indent=2))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if figures["lost"] or figures["changed"] or figures["complaints"] else 0


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--cells", type=int, default=60, help="of each matrix")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

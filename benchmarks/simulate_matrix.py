"""A matrix of 100,000 cells on 1,000 nodes that fail, in simulated time: makespan, lost work, and what the scheduling itself costs.

``python benchmarks/simulate_matrix.py [--cells 100000] [--nodes 1000] [--out FILE.json]`` drives the real scheduler and the real ledger by
an executor that only pretends: a cell takes a time drawn from a log-normal distribution, a node fails after an exponential time, ends its
cells and comes back. Every run directory and record is really there, in a folder that is removed again. The cost of a cell is the
processor's time of all that is not the pretending; the record of a cell that is done is written by the pretence, and read by the scheduler.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import resource
import tempfile
import time
from pathlib import Path

from ganbench.fleet.executor import CellOutcome, CellProgress, CellRequest, CellTask
from ganbench.fleet.matrix.ledger import MatrixLedger
from ganbench.fleet.matrix.plan import PlannedCell
from ganbench.fleet.matrix.schedule import MatrixListener, Result, Rules, Scheduler
from ganbench.fleet.matrix.wanted import WantedCell

MOST_MS, MOST_MIB = 1.0, 1024
CHECKPOINT_SECONDS = 600.0
"""An attempt that is killed loses what it has done since."""


class Pretended:
    """An executor in simulated time.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.slots, self.machines, self.cpus = options.nodes * options.per_node, options.nodes, 8
        self.now = self.lost = self.own = 0.0
        self.failures = 0
        self._random, self._options = random.Random(options.seed), options
        self._room = [options.per_node] * options.nodes
        self._free = [node for node in range(options.nodes) for _ in range(options.per_node)]
        self._on: list[dict[str, float]] = [{} for _ in range(options.nodes)]
        self._attempt: dict[str, tuple[int, CellTask]] = {}
        self._left: dict[str, float] = {}
        self._events: list[tuple[float, str, str, int]] = []
        for node in range(options.nodes):
            self._let_fail(node)

    def submit(self, task: CellTask) -> None:
        """Begin a cell on a node that has room."""
        began = time.process_time()
        node = self._free.pop()
        takes = self._left.get(task.name) or self._random.lognormvariate(0.0, 0.5) * self._options.mean_seconds
        self._left[task.name] = takes
        self._on[node][task.name], self._attempt[task.name] = self.now, (node, task)
        heapq.heappush(self._events, (self.now + takes, "end", task.name, task.attempt))
        self.own += time.process_time() - began

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what happens next, however late that is."""
        began = time.process_time()
        happened: list[CellProgress | CellOutcome] = []
        while not happened:
            self.now, what, name, number = heapq.heappop(self._events)
            if what == "end":
                node, task = self._attempt.get(name, (-1, None))
                if task is not None and task.attempt == number:
                    happened.append(self._finish(name, node, task))
            elif what == "fail":
                happened += self._fail(number)
            else:
                self._free += [number] * self._options.per_node
                self.slots += self._options.per_node
                self._let_fail(number)
        self.own += time.process_time() - began
        return happened

    def interrupt(self) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """Nothing to end."""

    def _finish(self, name: str, node: int, task: CellTask) -> CellOutcome:
        task.directory.mkdir(exist_ok=True)
        (task.directory / "record.json").write_text('{"status": "complete"}')
        seconds = self.now - self._on[node].pop(name)
        del self._attempt[name], self._left[name]
        self._free.append(node)
        return CellOutcome(name=name, state="done", seconds=seconds)

    def _fail(self, node: int) -> list[CellProgress | CellOutcome]:
        """End what runs on a node, which comes back later."""
        self.failures += 1
        self.slots -= self._options.per_node
        ended: list[CellProgress | CellOutcome] = []
        for name, began in self._on[node].items():
            done = self.now - began
            lost = done % CHECKPOINT_SECONDS
            self.lost += lost
            self._left[name] -= done - lost
            del self._attempt[name]
            ended.append(CellOutcome(name=name, state="killed", reason="its node has gone", seconds=done))
        self._on[node].clear()
        self._free = [one for one in self._free if one != node]
        heapq.heappush(self._events, (self.now + self._options.repair_seconds, "back", "", node))
        return ended

    def _let_fail(self, node: int) -> None:
        after = self._random.expovariate(1 / (self._options.hours_between_failures * 3600))
        heapq.heappush(self._events, (self.now + after, "fail", "", node))


class Nobody(MatrixListener):
    """Whom a simulation is told."""


class Largest(MatrixLedger):
    """A ledger that remembers how large its file and the lines behind it became."""

    largest = 0

    def update(self, rows) -> None:  # type: ignore[no-untyped-def]
        super().update(rows)
        lines = Path(f"{self.path}l")
        self.largest = max(self.largest, self.path.stat().st_size + (lines.stat().st_size if lines.exists() else 0))


def main() -> None:
    """Simulate and print."""
    options = parse()
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        planned, ledger, executor = cells(options.cells, Path(folder)), Largest(Path(folder)), Pretended(options)
        rules = Rules(shared_threads=1, exclusive_threads=8, retries=options.retries)
        began, began_wall = time.process_time(), time.perf_counter()
        result = Scheduler(planned, executor, ledger, Nobody(), rules).run()
        cost, wall = time.process_time() - began - executor.own, time.perf_counter() - began_wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        again = MatrixLedger(Path(folder)).rows()
        figures = summary(options, result, executor, cost / options.cells * 1000, peak)
        figures |= {"wall_seconds": round(wall, 1), "ledger_mib": round(ledger.path.stat().st_size / 2**20, 1)}
        figures |= {"largest_ledger_mib": round(ledger.largest / 2**20, 1), "rows_read_again": sum(row.state == "done" for row in again)}
        print(json.dumps(figures, indent=2))
        print(f"a cell costs the scheduler {figures['ms_per_cell']} ms{told(figures['ms_per_cell'] <= MOST_MS)}")
        print(
            f"it takes {figures['peak_mib']} MiB{told(figures['peak_mib'] <= MOST_MIB)}", flush=True
        )  # to remove the folder takes a while
        if options.out:
            options.out.write_text(json.dumps(figures, indent=2) + "\n")


def summary(options: argparse.Namespace, result: Result, executor: Pretended, cost: float, peak: float) -> dict[str, float]:
    """Return what came of it."""
    states = [row.state for row in result.rows]
    work = sum(row.seconds for row in result.rows)
    return {
        "cells": options.cells,
        "nodes": options.nodes,
        "done": states.count("done"),
        "failed": states.count("failed"),
        "attempts": sum(row.attempts for row in result.rows),
        "node_failures": executor.failures,
        "makespan_hours": round(executor.now / 3600, 2),
        "work_of_last_attempts_hours": round(work / 3600, 1),
        "lost_hours": round(executor.lost / 3600, 1),
        "ms_per_cell": round(cost, 3),
        "peak_mib": round(peak),
    }


def cells(count: int, folder: Path) -> list[PlannedCell]:
    """Return cells as a plan has them: five axes, a seed the fastest."""
    planned = []
    for number in range(count):
        seed, rest = number % 10, number // 10
        loss, size = f"loss{rest % 4}", 16 << rest % 3
        settings = {"training.seed": seed, "loss.name": loss, "training.batch_size": size, "training.total_kimg": rest}
        name = f"dcgan loss={loss} batch_size={size} total_kimg={rest} seed={seed}"
        wanted = WantedCell(name=name, plugin="dcgan", settings=tuple(settings.items()))
        identity = f"{number:010x}"
        request = CellRequest(plugin="dcgan", settings=settings)
        planned.append(PlannedCell(cell=wanted, request=request, id=identity, directory=folder / f"dcgan-{identity}", device="cpu"))
    return planned


def told(kept: bool) -> str:
    """Return what follows a figure."""
    return f" ({'as promised' if kept else 'NOT as promised'})"


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--per-node", type=int, default=4, help="cells at a time on a node")
    parser.add_argument("--mean-seconds", type=float, default=3600.0, help="of the median cell")
    parser.add_argument("--hours-between-failures", type=float, default=48.0, help="of one node")
    parser.add_argument("--repair-seconds", type=float, default=1800.0)
    parser.add_argument("--retries", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder for the simulated runs; a temporary one")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()

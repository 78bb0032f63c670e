"""What a cell costs on Ray beyond its own worker: many empty cells on simulated nodes of this machine, and the same cells by ``local``.

``python benchmarks/ray_overhead.py [--cells 1000] [--nodes 4] [--out FILE.json]``. An empty cell ends before it trains, because its dataset
refuses an option: it is planned, sent, run by a worker and told like any other, and leaves no run. The clock begins when the cluster is
there and its nodes are compared; the first cells wait for the first workers, and are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fleet" / "cluster"))

from simulated import Nodes

from ganbench import CellOutcome, CellRequest, CellTask, Executor, ExecutorContext, LocalExecutor
from ganbench_ray import RayOptions
from ganbench_ray.executor import build

MOST_OVERHEAD_SECONDS, MOST_SECONDS = 1.0, 300.0


def main() -> None:
    """Measure and print."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder, Path(folder, "ray.txt").open("w") as log:
        began = time.perf_counter()
        nodes = Nodes(options.nodes, cpus=1, log=log)
        try:
            executor = build(RayOptions(address=nodes.address), ExecutorContext(jobs=options.nodes, folder=Path(folder)))
            started = time.perf_counter() - began
            there = run(executor, options.cells, Path(folder) / "there")
        finally:
            nodes.close()
        here = run(LocalExecutor(options.jobs), min(options.cells, 100), Path(folder) / "here")
    overhead = there["seconds_per_cell"] * options.nodes - there["own_seconds"]
    figures = {
        "cells": options.cells,
        "nodes": options.nodes,
        "cpus": len(os.sched_getaffinity(0)),
        "load": [round(one, 1) for one in os.getloadavg()],
        "start_seconds": round(started, 1),
        "all_seconds": round(there["seconds"], 1),
        "ray": there,
        "local": here,
        "overhead_seconds": round(overhead, 3),
    }
    print(json.dumps(figures, indent=2))
    print(f"beyond its worker a cell costs a node {overhead:.2f} s{told(overhead <= MOST_OVERHEAD_SECONDS)}")
    print(f"{options.cells} cells took {there['seconds']:.0f} s{told(there['seconds'] <= MOST_SECONDS)}")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")


def run(executor: Executor, count: int, folder: Path) -> dict[str, Any]:
    """Run empty cells, and return how long they took: on the wall, and by their own workers' account."""
    request = CellRequest(plugin="mlp", settings={"dataset.name": "ring8", "training.device": "cpu"}, options={"no_such_option": "1"})
    waiting, running, ended = list(range(count)), 0, []
    began = time.perf_counter()
    try:
        while waiting or running:
            while waiting and running < executor.slots:
                name = f"seed={waiting.pop()}"
                executor.submit(CellTask(name=name, request=request, directory=folder / name, log=folder / "logs" / name, device="cpu"))
                running += 1
            outcomes = [one for one in executor.wait() if isinstance(one, CellOutcome)]
            ended += outcomes
            running -= len(outcomes)
        seconds = time.perf_counter() - began
    finally:
        executor.close()
    assert {one.state for one in ended} == {"unsupported"}, ended[0]
    own = statistics.mean(one.seconds for one in ended)
    return {"cells": count, "seconds": round(seconds, 2), "seconds_per_cell": seconds / count, "own_seconds": own}


def told(kept: bool) -> str:
    """Return what follows a figure."""
    return f" ({'as promised' if kept else 'NOT as promised'})"


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2, help="of the local executor")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()

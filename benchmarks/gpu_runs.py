"""Short runs of DCGAN under each runner and each choice of kernels, on real data, gathered in one JSON file and one table.

``python benchmarks/gpu_runs.py runs.json FOLDER [--smoke]``. Fashion-MNIST is trained where ``GANBENCH_DATA`` holds it. The file is written
anew after each run, so that what was measured stays when the time is up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

SECONDS_OF_A_RUN = 90.0
_MARGIN_SECONDS = 5.0
_DIGITS = (
    ("cuda_graph", "triton"),
    ("eager", "ref"),
    ("eager", "triton"),
    ("cuda_graph", "ref"),
    ("compile", "ref"),
    ("compile", "triton"),
)
_FASHION = (("cuda_graph", "triton"), ("eager", "ref"), ("compile", "ref"))
_COLUMNS = ("dataset", "runner", "kernels", "samples_per_second", "seconds_per_kimg", "peak_memory_mib", "status", "quality", "reason")


def plan(smoke: bool) -> list[tuple[str, str, str, list[str]]]:
    """Return (dataset, runner, kernels, further arguments), the most important first."""
    if smoke:  # compiling takes a CPU minutes, and says nothing more
        tiny = ["--kimg", "0.3", "--batch-size", "24", "--threads", "1", "--metric", "fd100_digits"]
        tiny += ["-o", "generator_width=4", "-o", "discriminator_width=4"]
        return [("digits", *pair, tiny) for pair in _DIGITS if pair[0] != "compile"]
    planned = [("digits", *pair, ["--kimg", "200"]) for pair in _DIGITS]
    if os.environ.get("GANBENCH_DATA"):
        planned[2:2] = [("fashion-mnist", *pair, ["--kimg", "200"]) for pair in _FASHION]
    return planned


def command(dataset: str, runner: str, kernels: str, further: list[str], folder: Path) -> list[str]:
    """Return the command of one configuration."""
    chosen = ["--dataset", dataset, "--runner", runner, "--kernels", kernels, "--out", str(folder)]
    return [sys.executable, "-m", "ganbench", "run", "--plugin", "dcgan", *chosen, *further, "--json", "--quiet"]


def train(dataset: str, runner: str, kernels: str, further: list[str], folder: Path, seconds: float) -> dict[str, Any]:
    """Run one configuration and return its row: what was measured, or why there is nothing."""
    row: dict[str, Any] = {"dataset": dataset, "runner": runner, "kernels": kernels}
    began = time.monotonic()
    try:
        done = subprocess.run(
            command(dataset, runner, kernels, further, folder), capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return {**row, "status": "stopped", "reason": f"took more than {seconds:.0f} s"}
    row["whole_seconds"] = round(time.monotonic() - began, 1)
    messages = done.stderr.strip().splitlines()
    if done.returncode != 0 or not done.stdout.strip():
        return {**row, "status": "failed", "rc": done.returncode, "reason": messages[-1] if messages else ""}
    return {**row, **measured(json.loads(done.stdout)), "messages": messages[-5:]}


def measured(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a table of runs needs of a record."""
    final = record["evaluations"][-1]["values"] if record["evaluations"] else []
    throughput = {
        name: record["throughput"][name] for name in ("samples_per_second", "seconds_per_kimg", "peak_memory_mib", "phase_milliseconds")
    }
    quality = ", ".join(f"{value['name']} {value['value']:.4g}" for value in final if isinstance(value["value"], float))
    keys = {name: record["keys"][name] for name in ("hardware", "software")}
    return {
        "status": record["status"],
        **throughput,
        "timing": record["timing"],
        "quality": quality,
        "trajectory_hash": record["work"]["trajectory_hash"],
        "samples_seen": record["work"]["samples_seen"],
        "notes": record["notes"],
        "keys": keys,
    }


def as_table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
    for row in rows:
        cells = [row.get(column, "") for column in _COLUMNS]
        lines.append(f"| {' | '.join(f'{c:.4g}' if isinstance(c, float) else str(c) for c in cells)} |")
    return "\n".join(lines) + "\n"


def main(output: Path, folder: Path, smoke: bool) -> int:
    """Run what there is time for; return 0 where every run ended well or, in a smoke test without a GPU, said why it cannot."""
    deadline = time.monotonic() + float(os.environ.get("PART_SECONDS", "3600")) - _MARGIN_SECONDS
    rows: list[dict[str, Any]] = []
    for index, (dataset, runner, kernels, further) in enumerate(plan(smoke)):
        left = deadline - time.monotonic()
        if left < 10:
            row = {"dataset": dataset, "runner": runner, "kernels": kernels, "status": "not run", "reason": "no time was left"}
        else:
            row = train(dataset, runner, kernels, further, folder / f"{index}", min(SECONDS_OF_A_RUN, left))
        if row["status"] == "failed" and row["rc"] == 2 and not torch.cuda.is_available():
            row["status"] = "not here"
        rows.append(row)
        output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(" ".join(f"{row.get(c, '')}" for c in _COLUMNS), flush=True)
    print("\n" + as_table(rows))
    return 1 if any(row["status"] in ("failed", "stopped", "diverged") for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), "--smoke" in sys.argv[3:]))

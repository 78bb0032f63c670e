"""Many seeds as one run against one after another.

``python benchmarks/gpu_seeds.py FILE.json FOLDER [--smoke]``. ``ganbench matrix --executor seeds`` trains MLPs on eight points, whose
steps are small, and ``--executor local`` some of the same seeds. A rate is samples over training seconds, both summed over the runs; runs
that are trained together share their seconds. The file is written anew after each.
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

_MARGIN_SECONDS = 5.0
WIDTHS = ("32,32", "128,128")


def plan(smoke: bool) -> list[tuple[str, str, int]]:
    """Return (widths, executor, seeds), both executors of one width after each other."""
    if smoke:
        return [("16,16", "seeds", 4), ("16,16", "local", 1)]
    return [(widths, executor, seeds) for widths in WIDTHS for executor, seeds in (("seeds", 64), ("local", 4))]


def train(widths: str, executor: str, seeds: int, kimg: str, folder: Path, seconds: float) -> dict[str, Any]:
    """Run one matrix and return its row."""
    row: dict[str, Any] = {"widths": widths, "executor": executor, "seeds": seeds}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cells = ["-a", "plugin=mlp", "-a", "dataset=ring8", "-a", f"seed=0..{seeds - 1}", "-a", f"kimg={kimg}", "-a", f"device={device}"]
    options = [f"-ogenerator_widths={widths}", f"-odiscriminator_widths={widths}", "-olatent_dim=2"]
    command = [sys.executable, "-m", "ganbench", "matrix", *cells, *options, "--executor", executor, "--out", str(folder), "--quiet"]
    if executor == "seeds":
        command += ["-x", "only_if_faster=false"]  # whether it is faster is what is asked here
    began = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=max(seconds, 1))
    except subprocess.TimeoutExpired:
        return {**row, "status": "stopped", "reason": f"took more than {seconds:.0f} s"}
    row["whole_seconds"] = round(time.monotonic() - began, 1)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*/record.json")]
    if done.returncode != 0 or len(records) != seeds:
        return {**row, "status": "failed", "reason": (done.stderr.strip().splitlines() or [f"rc {done.returncode}"])[-1]}
    training_seconds = sum(record["timing"]["training_seconds"] for record in records)
    return {
        **row,
        "status": "ok",
        "samples_per_second": sum(record["work"]["samples_seen"] for record in records) / training_seconds,
        "runners": sorted({str(dict(record["keys"]["software"]["fields"]).get("runner")) for record in records}),
        "device": device,
    }


def main(output: Path, folder: Path, smoke: bool) -> int:
    """Do what there is time for; return 0 where all of it was measured."""
    deadline = time.monotonic() + float(os.environ.get("PART_SECONDS", "3600")) - _MARGIN_SECONDS
    planned = plan(smoke)
    rows: list[dict[str, Any]] = [
        dict(zip(("widths", "executor", "seeds"), one, strict=True)) | {"status": "not reached"} for one in planned
    ]
    for index, one in enumerate(planned):
        left = (deadline - time.monotonic()) / (len(planned) - index)
        if left > 5:
            rows[index] = train(*one, "1" if smoke else "100", folder / str(index), left)
        output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(rows[index], flush=True)
    return 1 if any(row["status"] != "ok" for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), "--smoke" in sys.argv[3:]))

"""How long metrics take on this device and on its CPU, and whether they agree.

``python benchmarks/gpu_evaluation.py FILE.json FOLDER [--smoke]``. A short run of DCGAN on digits is trained, and its newest checkpoint is
measured by ``ganbench evaluate``. The file is written anew after each.
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
METRICS = ("fd10k_digits", "kd10k_digits", "pr1k_digits")
SMOKE_METRICS = ("fd100_digits", "kd1k_digits")


def call(arguments: list[str], seconds: float) -> tuple[dict[str, Any], str]:
    """Run ganbench and return its record, or why there is none."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ganbench", *arguments, "--json"], capture_output=True, text=True, check=False, timeout=max(seconds, 1)
        )
    except subprocess.TimeoutExpired:
        return {}, f"took more than {seconds:.0f} s"
    if done.returncode != 0 or not done.stdout.strip():
        return {}, (done.stderr.strip().splitlines() or [f"rc {done.returncode}"])[-1]
    return json.loads(done.stdout), ""


def main(output: Path, folder: Path, smoke: bool) -> int:
    """Train, measure on each device, and return 0 where everything was measured."""
    deadline = time.monotonic() + float(os.environ.get("PART_SECONDS", "3600")) - _MARGIN_SECONDS
    tiny = ["--kimg", "0.3", "--batch-size", "24", "--threads", "1", "-o", "generator_width=4", "-o", "discriminator_width=4"]
    metrics = SMOKE_METRICS if smoke else METRICS
    devices = ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)
    rows: list[dict[str, Any]] = [
        {"metric": metric, "device": device, "status": "not reached"} for device in devices for metric in metrics
    ] + [{"metric": metric, "device": "cuda", "status": "not here", "reason": "no GPU"} for metric in metrics if len(devices) == 1]
    trained = ["run", "--plugin", "dcgan", "--out", str(folder), "--quiet", "--metric", metrics[0]]
    _, problem = call([*trained, *(tiny if smoke else ["--kimg", "50"])], deadline - time.monotonic())
    for row in rows:
        left = deadline - time.monotonic()
        if row["status"] == "not reached" and problem:
            row |= {"status": "failed", "reason": f"the run to be measured: {problem}"}
        elif row["status"] == "not reached" and left > 5:
            began = time.monotonic()
            measured = ["evaluate", str(folder), "--metric", row["metric"], "--device", row["device"], "--no-floor"]
            record, reason = call(measured, left)
            if record:
                (value,) = record["evaluations"][-1]["values"][:1]
                seconds = {
                    "evaluation_seconds": record["timing"]["evaluation_seconds"],
                    "whole_seconds": round(time.monotonic() - began, 1),
                }
                row |= {"status": "ok", "name": value["name"], "value": value["value"], "spread": value["spread"], **seconds}
            else:
                row |= {"status": "failed", "reason": reason}
        output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(row, flush=True)
    return 1 if any(row["status"] in ("failed", "not reached") for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), "--smoke" in sys.argv[3:]))

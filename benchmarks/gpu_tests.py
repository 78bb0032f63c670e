"""Run test files in as many processes as there are cores, each a share of all tests, and gather what became of each test in one JSON file.

``python benchmarks/gpu_tests.py tests.json [--smoke] tests/kernels/ops tests/gpu``, in the repository's root. Most of the time goes into
compiling kernels, which uses one core for each process. Every test is written down as it ends (``gpu_shard.py``), and the file anew every
few seconds, so that a limit of time loses what was running, and names what was not reached. Where there is no GPU the kernels' tests run in
Triton's interpreter; ``--smoke`` takes a fortieth of the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

_MARGIN_SECONDS = 12
_WRITE_EVERY_SECONDS = 5
_MOST_STARTS = 20
"""Of one share: it is started again where a test ended its process, or left a device that no longer works."""
_LONGEST_LOG = 4_000
SMOKE_STRIDE = 40


def run_shares(files: list[Path], seconds: float, output: Path | None = None, *, shares: int = 0, stride: int = 1) -> dict[str, Any]:
    """Run every share and return what became of the tests.

    Args:
        files: of tests.
        seconds: after which what still runs is stopped.
        output: gets the same as JSON, again and again.
        shares: processes; 0 for one on each core.
        stride: take every so-many-th test.
    """
    count, deadline = shares or len(os.sched_getaffinity(0)), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running = {index: _start(files, folder, index, count, stride) for index in range(count)}
        starts = dict.fromkeys(running, 1)
        codes: dict[int, int] = {}
        written = 0.0
        while running:
            late = time.monotonic() > deadline
            for index, process in list(running.items()):
                if late:
                    process.kill()
                    process.wait()
                if process.poll() is None:
                    continue
                if not late and process.returncode not in (0, 1, 2, 3, 4, 5) and starts[index] < _MOST_STARTS:
                    running[index] = _start(files, folder, index, count, stride)
                    starts[index] += 1
                else:
                    codes[index] = process.returncode
                    del running[index]
            if output is not None and time.monotonic() - written > _WRITE_EVERY_SECONDS:
                output.write_text(json.dumps(gathered(folder, count, codes), indent=1) + "\n", encoding="utf-8")
                written = time.monotonic()
            time.sleep(0.1)
        result = gathered(folder, count, codes)
        for index in range(count):
            log = (folder / f"{index}.log").read_text(errors="replace")
            print(f"-- share {index} of {count} (rc {codes[index]})\n{log[-_LONGEST_LOG:]}")
    if output is not None:
        output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _start(files: list[Path], folder: Path, index: int, count: int, stride: int) -> subprocess.Popen[bytes]:
    """Start pytest on a share. A library's new warning must not cost the results of a machine, so warnings are shown, not errors."""
    environment = dict(os.environ) | {
        "GPU_SHARD": f"{index}/{count}",
        "GPU_SHARD_STRIDE": str(stride),
        "GPU_SHARD_OUT": str(folder / f"{index}.jsonl"),
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
    if not torch.cuda.is_available():
        environment["TRITON_INTERPRET"] = "1"
    options = ["-q", "-W", "default", "-p", "no:cacheprovider", "-p", "gpu_shard", "--tb=short"]
    with (folder / f"{index}.log").open("ab") as log:
        command = [sys.executable, "-m", "pytest", *options, *map(str, files)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def gathered(folder: Path, count: int, codes: dict[int, int]) -> dict[str, Any]:
    """Return for each file its counts, failures with their first lines, reasons of skipped tests, what was measured, what not reached."""
    share: dict[str, None] = {}
    results: dict[str, dict[str, Any]] = {}
    silent = [index for index in range(count) if not (folder / f"{index}.jsonl").exists()]
    for index in range(count):
        path = folder / f"{index}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            value = json.loads(line)
            share |= dict.fromkeys(value.get("share", ()))
            if "test" in value and results.get(value["test"], {}).get("outcome") != "failed":
                results[value["test"]] = value
    files: dict[str, dict[str, Any]] = {}
    for test in share:
        outcome = results.get(test, {"outcome": "not reached"})
        file = files.setdefault(
            test.partition("::")[0], {"counts": {}, "failed": [], "not_reached": [], "skipped_because": {}, "measured": {}}
        )
        kind = "broke off" if outcome["outcome"] == "began" else outcome["outcome"]
        file["counts"][kind] = file["counts"].get(kind, 0) + 1
        name = test.partition("::")[2]
        if kind in ("failed", "broke off"):
            file["failed"].append({"test": name, "message": outcome.get("message", "it ended its process, or the time was up")})
        elif kind == "not reached":
            file["not_reached"].append(name)
        elif kind == "skipped":
            file["skipped_because"][outcome["message"]] = file["skipped_because"].get(outcome["message"], 0) + 1
        if outcome.get("measured"):
            file["measured"][name] = outcome["measured"]
    return {"shares": count, "codes": [codes.get(index) for index in range(count)], "without_tests": silent, "files": files}


if __name__ == "__main__":
    smoke = "--smoke" in sys.argv
    output, *folders = (Path(argument) for argument in sys.argv[1:] if argument != "--smoke")
    found = [file for folder in folders for file in (sorted(folder.glob("test_*.py")) if folder.is_dir() else [folder])]
    limit = float(os.environ.get("PART_SECONDS", "3600")) - _MARGIN_SECONDS
    result = run_shares(found, limit, output, stride=SMOKE_STRIDE if smoke else 1)
    for file, one in sorted(result["files"].items()):
        print(f"{file:<48} {one['counts']}")
    whole = Counter(kind for one in result["files"].values() for kind, number in one["counts"].items() for _ in range(number))
    print(dict(whole))
    raise SystemExit(1 if not whole or set(whole) - {"passed", "skipped"} or result["without_tests"] else 0)

"""Run test files beside each other, one process for each, and gather what became of them in one JSON file.

``python benchmarks/gpu_tests.py tests.json tests/kernels/ops tests/gpu``, in the repository's root. Most of the time goes into
compiling kernels, which uses one core for each process. Where there is no GPU the kernels' tests run in Triton's interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import torch

_MARGIN_SECONDS = 8
_LONGEST_MESSAGE = 400
_LONGEST_LOG = 12_000


def run_files(files: list[Path], seconds: float) -> list[dict[str, Any]]:
    """Run every file, at most as many at once as there are cores, and return one result for each."""
    deadline, waiting = time.monotonic() + seconds, list(files)
    running: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                path = waiting.pop(0)
                running[path] = (_start(path, folder), time.monotonic())
            for path, (process, began) in list(running.items()):
                late = time.monotonic() > deadline
                if late:
                    process.kill()
                    process.wait()
                if process.poll() is not None:
                    del running[path]
                    results.append(_result(path, folder, process.returncode, time.monotonic() - began, late))
            time.sleep(0.1)
    return sorted(results, key=lambda r: r["file"])


def _start(path: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start pytest on one file. A library's new warning must not cost the results of a machine, so warnings are shown, not errors."""
    environment = dict(os.environ)
    if not torch.cuda.is_available() and "kernels" in path.parts:
        environment["TRITON_INTERPRET"] = "1"
    options = ["-q", "-W", "default", "-p", "no:cacheprovider", "--durations=3", f"--junitxml={folder / path.stem}.xml"]
    with (folder / f"{path.stem}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, str(path)], stdout=log, stderr=subprocess.STDOUT, env=environment
        )


def _result(path: Path, folder: Path, code: int, seconds: float, late: bool) -> dict[str, Any]:
    """Return the counts of one file, with the first line of each failure; print its whole output."""
    log = (folder / f"{path.stem}.log").read_text(errors="replace")
    print(f"-- {path} ({'stopped' if late else f'rc {code}'}, {seconds:.0f} s)\n{log[-_LONGEST_LOG:]}")
    result: dict[str, Any] = {"file": str(path), "rc": None if late else code, "seconds": round(seconds, 1), "counts": {}, "failed": []}
    report = folder / f"{path.stem}.xml"
    for case in ET.parse(report).getroot().iter("testcase") if report.exists() else ():
        kind = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        result["counts"][kind] = result["counts"].get(kind, 0) + 1
        message = next((child.get("message", "") for child in case if child.tag == kind), "")
        if kind in ("failure", "error"):
            result["failed"].append({"test": case.get("name"), "message": message[:_LONGEST_MESSAGE]})
        elif kind == "skipped":
            result.setdefault("skipped_because", {}).setdefault(message, 0)
            result["skipped_because"][message] += 1
        measured = {p.get("name"): p.get("value") for p in case.iter("property")}
        if measured:
            result.setdefault("measured", {})[case.get("name")] = measured
    return result


if __name__ == "__main__":
    output, *folders = map(Path, sys.argv[1:])
    found = [file for folder in folders for file in sorted(folder.glob("test_*.py"))]
    results = run_files(found, float(os.environ.get("PART_SECONDS", "3600")) - _MARGIN_SECONDS)
    output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for one in results:
        print(f"{one['file']:<48} rc {one['rc']!s:<5} {one['seconds']:>6} s  {one['counts']}")
    raise SystemExit(1 if any(one["rc"] not in (0, 5) for one in results) else 0)

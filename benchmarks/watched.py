"""What it costs a run to be watched: ``python benchmarks/watched.py [--pairs 12] [--out FILE.json]``.

Pairs of short runs in processes of their own, in the order ABBA: one is told to nobody, the other to TensorBoard and to its live page,
which a headless Chromium has open from the first second to the last. What is compared is the speed that both records
state, of training alone; told are the median of the pairs' ratios and its bootstrap interval of 95 %. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ganbench.record.machine import hardware_key
from ganbench_bench.interval import Interval

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\w+/")
REPORTERS = ("--reporter", "tensorboard", "--reporter", "watch")


def main() -> None:
    """Print the ratio, and write it where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--plugin", default="dcgan")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--kimg", type=float, default=12.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    ratios, views = [], []
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=executable, args=arguments)
        run(given, Path(folder) / "warm", None)
        for pair in range(given.pairs):
            speeds: dict[bool, float] = {}
            for watched in (True, False) if pair % 2 else (False, True):
                out = Path(folder) / f"{pair}-{watched}"
                speeds[watched] = run(given, out, browser if watched else None)
                if watched:
                    views.append((out / "live" / "watched").exists())
            ratios.append(speeds[True] / speeds[False])
            print(
                f"pair {pair + 1}: {speeds[True]:,.0f} against {speeds[False]:,.0f} samples/s, {100 * (ratios[-1] - 1):+.1f} %", flush=True
            )
        browser.close()
    ratio = Interval.of(ratios)
    print(f"watched against not: {ratio.median:.4f} ({ratio.low:.4f} to {ratio.high:.4f}), {len(ratios)} pairs, {sum(views)} of them seen")
    if given.out:
        what = {"plugin": given.plugin, "dataset": given.dataset, "kimg": given.kimg, "threads": given.threads, "pairs": len(ratios)}
        commit = subprocess.run(("git", "describe", "--always", "--dirty"), cwd=ROOT, capture_output=True, text=True, check=False)
        found = {"seen": sum(views), "median": ratio.median, "low": ratio.low, "high": ratio.high, "ratios": ratios}
        machine = {"commit": commit.stdout.strip(), "machine": dict(hardware_key("cpu").fields)}
        given.out.write_text(json.dumps({**what, **found, **machine}, indent=1) + "\n", encoding="utf-8")


def run(given: argparse.Namespace, out: Path, browser: Any) -> float:
    """Train once, and return the samples a second that its record states.

    Args:
        given: what is run.
        out: its folder.
        browser: opens the page of the run; None: the run is told to nobody.
    """
    command = [sys.executable, "-m", "ganbench", "run", "--plugin", given.plugin, "--dataset", given.dataset, "--kimg", str(given.kimg)]
    command += ["--threads", str(given.threads), "--no-eval", "--out", str(out)]
    command += [*REPORTERS, "-o", f"tensorboard.dir={out}-board"] if browser else []
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    context = None
    said = []
    for line in process.stderr:
        said.append(line)
        if browser and context is None and (found := ADDRESS.search(line)):
            context = browser.new_context()
            context.new_page().goto(found[0])
    if process.wait() != 0:
        raise RuntimeError("".join(said[-5:]))
    if context is not None:
        context.close()
    record = json.loads((out / "record.json").read_text(encoding="utf-8"))
    return float(record["throughput"]["samples_per_second"])


if __name__ == "__main__":
    main()

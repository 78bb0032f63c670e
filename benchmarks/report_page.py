"""How long a report of many runs takes to be made and to be opened, and its memory: ``python benchmarks/report_page.py [--runs 200]``.

The runs are copies of one real record, each with its own seed, speed and name,
200 readings of six statistics, and pictures of five moments.
The page is made in a process of its own, whose peak of memory is told beside that of a quarter of the runs. It is opened in headless
Chromium from its file until the table stands there; then the views are walked through again and again, and the heap of the page after the
second round is told beside that after the last. Without Chromium and playwright the second half is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "results/cpu/default-run/record.json"
PICTURE = ROOT / "results/cpu/default-run/samples.png"
STATISTICS = ("generator_loss", "discriminator_loss", "penalty", "real_logits", "fake_logits", "abs_logits")
MOMENTS, READINGS, SEEDS, ROUNDS = 5, 200, 5, 20
VIEWS = ("table", "curves", "samples", "run", "compare")


def main() -> None:
    """Print the figures, and write them where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        print(json.dumps(make(*map(Path, given.make))))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), given.runs)
    for name, value in figures.items():
        print(f"{name:32} {value:>10,.4g}")
    if given.out:
        given.out.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, count: int) -> dict[str, float]:
    """Return the figures of a report of ``count`` runs."""
    write_runs(folder / "runs", count)
    write_runs(folder / "few", max(count // 4, 1))
    few, many = in_a_fresh_process(folder / "few", folder / "few.html"), in_a_fresh_process(folder / "runs", folder / "many.html")
    figures = {
        "runs": count,
        "seconds to make": many["seconds"],
        "of the CPU, s": many["cpu_seconds"],
        "seconds of a quarter": few["seconds"],
        "peak memory, MiB": many["peak_mib"],
        "peak of a quarter, MiB": few["peak_mib"],
        "size, MB": (folder / "many.html").stat().st_size / 1e6,
        "size without pictures, MB": many["plain_mb"],
    }
    return figures | opened(folder / "many.html")


def write_runs(folder: Path, count: int) -> None:
    """Write runs that differ as those of a matrix do."""
    record = json.loads(EXAMPLE.read_text())
    for number in range(count):
        run = folder / f"run-{number:04d}"
        (run / "samples").mkdir(parents=True)
        row, seed = divmod(number, SEEDS)
        own = {**record, "run_id": f"20261121-{number:06d}-dcgan-digits-s{seed}", "seed": seed}
        own["config"] = {**record["config"], "training.seed": seed, "training.batch_size": 16 + row}
        fields = [[name, 16 + row if name == "training.batch_size" else value] for name, value in record["keys"]["work"]["fields"]]
        own["keys"] = {**record["keys"], "work": {"fields": fields}}
        own["throughput"] = {**record["throughput"], "samples_per_second": 1000.0 + number}
        (run / "record.json").write_text(json.dumps(own))
        with (run / "events.jsonl").open("w") as events:
            for step in range(READINGS):
                values = {name: 1.0 / (step + 1 + i) + number / 1000 for i, name in enumerate(STATISTICS)}
                line = {
                    "event": "progress",
                    "samples_seen": 400 * (step + 1),
                    "generator_steps": step,
                    "training_seconds": step / 3,
                    **values,
                }
                events.write(json.dumps(line) + "\n")
        for moment in range(MOMENTS):
            shutil.copy(PICTURE, run / "samples" / f"{20000 * moment:09d}.png")


def in_a_fresh_process(runs: Path, page: Path) -> dict[str, float]:
    """Return what :func:`make` says, so that its peak is its own."""
    done = subprocess.run([sys.executable, __file__, "--make", str(runs), str(page)], capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def make(runs: Path, page: Path) -> dict[str, float]:
    """Make a report as the command does, imports included; and once more without pictures, for its size."""
    start = time.perf_counter()
    from ganbench.cli.main import main as ganbench

    assert ganbench(["report", str(runs), "-o", str(page)]) == 0
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    plain = page.with_suffix(".plain.html")
    assert ganbench(["report", str(runs), "-o", str(plain), "--pictures", "0"]) == 0
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak, "plain_mb": plain.stat().st_size / 1e6}


def opened(page: Path) -> dict[str, float]:
    """Return how long a page takes to open, and its heap after two rounds through its views and after many."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return {}
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        return {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        times = []
        for _ in range(3):
            tab = browser.new_page()
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.locator("tbody th.name").first.wait_for()
            times.append(time.perf_counter() - start)
        heaps = [heap_after_a_round(tab) for _ in range(ROUNDS)]
        browser.close()
    return {
        "seconds to open, slowest of 3": max(times),
        "heap after 2 rounds, MiB": heaps[1],
        f"heap after {ROUNDS} rounds, MiB": heaps[-1],
    }


def heap_after_a_round(tab: Any) -> float:
    """Walk through the views of a page, and return what it holds then."""
    for view in VIEWS:
        tab.evaluate(f"location.hash = 'view={view}'")
        tab.wait_for_timeout(100)
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used) / 2**20


if __name__ == "__main__":
    main()

"""Make runs of identical code at different times, and count how often ``ganbench compare`` of them fails.

``python benchmarks/stored_comparisons.py --work DIR --out results/cpu/stored_comparisons.json [--sittings 11] [--seeds 5] [--pause 60]``.
A sitting is some seeds of one configuration, one after another, beside 0, 1 or 2 other processes that load a core each: what differs from
one time to the next on a shared machine. Then every sitting is held against every later one: 11 give 55 comparisons. DIR keeps the runs;
called again the command goes on where it was ended. FILE is written after each sitting, a table of it beside it. The exit code is 1 where a
comparison failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from error_rates import loaded_core

from ganbench import StorageError, UsageError, load

TREE = Path(__file__).resolve().parents[1]
LOADS = (0, 1, 2)
"""Processes that keep a core busy each, in the sittings by turns."""


def main() -> int:
    """Make what is missing, and compare."""
    arguments = parse()
    comparisons: dict[tuple[int, int], dict[str, Any]] = {}
    for number in range(arguments.sittings):
        make_sitting(arguments, number)
        for before in range(number):
            comparisons[before, number] = compare(sitting(arguments, before), sitting(arguments, number))
        write(arguments, number + 1, comparisons)
    return int(any(one["exit_code"] != 0 for one in comparisons.values()))


def sitting(arguments: argparse.Namespace, number: int) -> Path:
    """Return the folder of a sitting."""
    folder: Path = arguments.work / f"sitting-{number:02d}"
    return folder


def make_sitting(arguments: argparse.Namespace, number: int) -> None:
    """Train its seeds, as far as they are not done; it begins some time after the one before."""
    missing = [seed for seed in range(arguments.seeds) if not is_done(sitting(arguments, number) / f"seed-{seed}")]
    if not missing:
        return
    if number:
        time.sleep(arguments.pause)
    with loaded_core(LOADS[number % len(LOADS)], None):
        for seed in missing:
            out = sitting(arguments, number) / f"seed-{seed}"
            what = ("--plugin", arguments.plugin, "--kimg", str(arguments.kimg), "--metric", arguments.metric, "--threads", "1")
            began = time.perf_counter()
            ganbench("run", "--quiet", *(("--resume", str(out)) if out.exists() else (*what, "--seed", str(seed), "--out", str(out))))
            print(f"{time.strftime('%H:%M:%S')} sitting {number}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)


def is_done(folder: Path) -> bool:
    """Tell whether a run came to its end."""
    with contextlib.suppress(UsageError, StorageError):
        return load(folder).record.status == "complete"
    return False


def compare(base: Path, head: Path) -> dict[str, Any]:
    """Return the exit code of ``ganbench compare``, what it failed for, and what it made of the speed."""
    done = subprocess.run(
        [sys.executable, "-m", "ganbench", "compare", str(base), str(head), "--json"], cwd=TREE, capture_output=True, text=True, check=False
    )
    findings = json.loads(done.stdout)["findings"] if done.stdout else []
    speed = next((one for one in findings if one["metric"] == "samples_per_second"), {})
    return {
        "exit_code": done.returncode,
        "failed": [one["metric"] for one in findings if one["state"] in ("regressed", "missing") and one["gate"] == "fail"],
        "told": [one["metric"] for one in findings if one["state"] == "regressed" and one["gate"] != "fail"],
        "speed": {name: speed.get(name) for name in ("state", "gate", "change", "p_value", "reason")},
        **({} if findings else {"stderr": done.stderr.strip()[-500:]}),
    }


def write(arguments: argparse.Namespace, num_sittings: int, comparisons: dict[tuple[int, int], dict[str, Any]]) -> None:
    """Write what there is."""
    records = [[load(sitting(arguments, n) / f"seed-{s}").record for s in range(arguments.seeds)] for n in range(num_sittings)]
    speeds = [statistics.median(one.throughput.samples_per_second for one in some if one.throughput is not None) for some in records]
    moved = [abs(speeds[later] / speeds[base] - 1) for base, later in comparisons]
    failed = sum(one["exit_code"] != 0 for one in comparisons.values())
    told = sum("samples_per_second" in one["told"] for one in comparisons.values())
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=TREE, capture_output=True, text=True, check=False)
    content: dict[str, Any] = {
        "configuration": {name: getattr(arguments, name) for name in ("plugin", "kimg", "metric", "seeds", "pause")},
        "commit": head.stdout.strip(),
        "sittings": [
            {"loads": LOADS[n % len(LOADS)], "samples_per_second": round(speed, 1), "began": str(some[0].created)}
            for n, (speed, some) in enumerate(zip(speeds, records, strict=True))
        ],
        "comparisons": [{"base": base, "head": head, **one} for (base, head), one in comparisons.items()],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    rows = [f"| {n} | {one['loads']} | {one['samples_per_second']:,} | {one['began'][:16]} |" for n, one in enumerate(content["sittings"])]
    lines = [
        "# Stored runs of identical code, compared",
        "",
        f"`benchmarks/stored_comparisons.py`: {num_sittings} sittings of {arguments.seeds} seeds of `{arguments.plugin}`, each at another",
        f"time and held against every later one by `ganbench compare`. **{failed} of {len(comparisons)} comparisons failed.** In {told}",
        f"the speed was called lower, which blocks nothing; it differed by up to {max(moved, default=0.0):.0%} between two sittings.",
        "",
        "| sitting | other processes | samples/s, median | began |",
        "| --- | ---: | ---: | --- |",
        *rows,
    ]
    arguments.out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{failed} of {len(comparisons)} comparisons of {num_sittings} sittings failed", flush=True)


def ganbench(*arguments: str) -> None:
    """Run a command to its end."""
    subprocess.run([sys.executable, "-m", "ganbench", *arguments], cwd=TREE, check=True, stdout=subprocess.DEVNULL)


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=lambda text: Path(text).resolve(), required=True, metavar="DIR", help="keeps the runs")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--sittings", type=int, default=11)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pause", type=float, default=60.0, help="seconds between two sittings")
    parser.add_argument("--plugin", default="dcgan")
    parser.add_argument("--kimg", type=float, default=4.0)
    parser.add_argument("--metric", default="fd500_digits")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

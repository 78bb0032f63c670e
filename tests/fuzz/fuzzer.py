"""Damages files by the thousand and gives them to the commands; ``python tests/fuzz/fuzzer.py --count 20000 --out results/cpu/fuzz.json``.

A case depends on its seed and number alone: ``--only records --seed 0 --first 1234 --count 1`` does one again, and ``--keep DIR`` keeps the
files of those that failed. The rule is in judge.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from judge import judge, shape
from targets import TARGETS, Target, make_sound_files

import ganbench

_MEMORY_BYTES = 12 * 2**30
"""What the process may ask for beside what it has: an absurd number in a file must not take the machine down with it."""


def target_of(number: int) -> Target:
    """Return the kind of file that a case damages: each gets its share of every hundred."""
    place = number * 37 % 100
    for target in TARGETS:
        if place < target.share:
            return target
        place -= target.share
    raise AssertionError("the shares do not add up to 100")


def run_case(target: Target, number: int, seed: int, sound: Path, keep: Path | None = None) -> str:
    """Make a case and judge it; return its problem, or nothing."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        case = target.make(sound, folder, Random(f"{seed}:{target.name}:{number}"))
        damaged = case.damaged.read_bytes()
        problem = judge(case.arguments, folder)
        if problem and keep is not None:
            kept = keep / f"{target.name.replace(' ', '-')}-{seed}-{number}{case.damaged.suffix}"
            kept.write_bytes(damaged)
            return f"{problem} [ganbench {' '.join(case.arguments)}] {kept.name}"
        return f"{problem} [ganbench {' '.join(case.arguments)}]" if problem else ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="damaged files")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0 for never")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="one kind of file: " + ", ".join(t.name for t in TARGETS))
    parser.add_argument("--out", type=Path, help="write counts and problems to a JSON file")
    parser.add_argument("--keep", type=Path, help="a folder for the files of those that failed")
    return parser.parse_args()


def main() -> int:
    """Run the cases, print what is wrong, and return 1 where anything is."""
    args = _arguments()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    sound = Path(tempfile.mkdtemp(prefix="fuzz-sound-"))
    os.environ["GANBENCH_CACHE"] = str(sound / "cache")
    try:
        make_sound_files(sound)
        return _run_all(args, sound)
    finally:
        shutil.rmtree(sound, ignore_errors=True)


def _run_all(args: argparse.Namespace, sound: Path) -> int:
    began = time.monotonic()
    counts: Counter[str] = Counter()
    problems: dict[str, dict[str, Any]] = {}
    only = [target for target in TARGETS if target.name == args.only]
    for number in range(args.first, args.first + args.count):
        target = only[0] if only else target_of(number)
        problem = run_case(target, number, args.seed, sound, args.keep)
        counts[target.name] += 1
        if problem:
            found = problems.setdefault(f"{target.name}: {shape(problem)}", {"count": 0, "first": number, "what": problem[:500]})
            found["count"] += 1
            if found["count"] == 1:
                print(f"{number} {target.name}: {problem[:400]}", flush=True)
        if sum(counts.values()) % 500 == 0:
            print(f"  {sum(counts.values())} files, {sum(p['count'] for p in problems.values())} problems", file=sys.stderr, flush=True)
        if args.seconds and time.monotonic() - began > args.seconds:
            break
    result = {
        "files": sum(counts.values()),
        "by_kind": dict(counts),
        "problems": sum(p["count"] for p in problems.values()),
        "seed": args.seed,
        "first": args.first,
        "seconds": round(time.monotonic() - began, 1),
        "rule": "one clear line and the right exit code, or the right result; no traceback, no 'unexpected', no 5 s of the processor",
        "ganbench": ganbench.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "found": problems,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['files']} damaged files, {result['problems']} problems of {len(problems)} shapes in {result['seconds']} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

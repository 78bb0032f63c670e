"""Run ``ganbench ci`` on each branch of a third party's repository and write down what it said, its exit code and its seconds.

``python benchmarks/gate/table.py --out results/cpu/third_party.json [--only NAME,NAME] [--again] [--pairs N]``. The file gets one entry for
a branch as soon as it is done, and the table stands beside it as Markdown; called again the command goes on with the branches that are
missing, in the order of ``--only``, and with ``--again`` measures them anew. The exit code is 1 where a verdict was not the expected one.

Ganbench's own extractors, and with them its frozen samples, are switched off: they would take most of the time, and no branch touches them.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from branches import BRANCHES, Branch, git, make_repository

TREE = Path(__file__).resolve().parents[2]
ENDS_AFTER = 600.0
"""Seconds; a gate that takes longer hangs itself."""


def main() -> int:
    """Measure what is missing."""
    arguments = parse()
    table = read_table(arguments.out)
    names = arguments.only or [branch.name for branch in BRANCHES]
    with tempfile.TemporaryDirectory() as folder:
        variables = make_repository(Path(folder))
        branches = {branch.name: branch for branch in BRANCHES}
        for name in names:
            if arguments.again or name not in table:
                row = table[name] = measure(branches[name], Path(folder), variables, arguments)
                write_table(arguments.out, table)
                print(f"{name}: {row['right']}: {row['exit_code']} in {row['seconds']} s: {row['said']}", flush=True)
    return int(any(table[name]["right"] == "no" for name in names))


def measure(branch: Branch, folder: Path, variables: dict[str, str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what ``ganbench ci`` made of a branch."""
    top, out = folder / "tinygan", folder / "out" / branch.name
    git(top, "checkout", "-q", branch.name)
    command = [sys.executable, "-m", "ganbench", "ci", branch.base, "--plugin", "tinygan", "--out", str(out)]
    command += [
        "--pairs",
        str(arguments.pairs),
        "--pair-seconds",
        str(arguments.pair_seconds),
        "--seconds",
        "60",
        "-p",
        "no:extractors",
        *branch.arguments,
    ]
    load, began = os.getloadavg()[0], time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=top, env={**os.environ, **variables}, capture_output=True, text=True, timeout=ENDS_AFTER, check=False
        )
        exit_code, said_last = done.returncode, done.stderr.strip()[-2000:]
    except subprocess.TimeoutExpired:
        exit_code, said_last = -1, "the gate did not end"
    seconds = round(time.perf_counter() - began, 1)
    said = headline(out, said_last)
    row = {
        "said": said,
        "exit_code": exit_code,
        "seconds": seconds,
        "expected": branch.expected,
        "right": judge(branch, said, exit_code),
        "files": sorted(path.name for path in out.glob("*") if path.name != ".gitignore"),
        "load": round(load, 1),
        "pairs": arguments.pairs,
        "commit": git(TREE, "rev-parse", "--short", "HEAD"),
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
    }
    return row if row["right"] == "yes" else {**row, "stderr": said_last.replace(str(folder), "")}


def headline(out: Path, otherwise: str) -> str:
    """Return the first line of the verdict."""
    try:
        lines = (out / "verdict.md").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"(no verdict) {(otherwise.splitlines() or ['nothing'])[-1]}"
    first = next((line.strip("#* ") for line in lines if line.strip("#* ")), "(an empty verdict)")
    return html.unescape(re.sub(r"\\([^A-Za-z0-9\s])", r"\1", first)).replace(
        f"{TREE}{os.sep}", ""
    )  # as it was before Markdown needed its signs escaped


def judge(branch: Branch, said: str, exit_code: int) -> str:
    """Return ``yes``, ``no`` or ``open``."""
    fits = all(re.search(one, said, re.IGNORECASE) for one in branch.says) and not any(
        re.search(one, said, re.IGNORECASE) for one in branch.not_says
    )
    if fits and exit_code == branch.exit_code:
        return "yes"
    return "open" if branch.needs_quiet and exit_code == 0 and re.search("undecided|could not be decided", said) else "no"


def machine() -> str:
    """Return the processor, without a name of the computer."""
    models = re.findall(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8")) or ["unknown processor"]
    return f"{models[0]}, {os.cpu_count()} cores"


def read_table(path: Path) -> dict[str, Any]:
    """Return the rows so far, by branch."""
    return {row["branch"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}


def write_table(path: Path, table: dict[str, Any]) -> None:
    """Write both files, in the order of the branches."""
    rows = [{"branch": branch.name, **table[branch.name]} for branch in BRANCHES if branch.name in table]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = {word: sum(row["right"] == word for row in rows) for word in ("yes", "no", "open")}
    machines, commits = (", ".join(dict.fromkeys(row[key] for row in rows)) for key in ("machine", "commit"))
    loads, missing = [row["load"] for row in rows], [branch.name for branch in BRANCHES if branch.name not in table]
    lines = [
        "# What the gate says of a third party's changes",
        "",
        "`ganbench ci` on each branch of the repository that `benchmarks/gate/branches.py` makes; this table is made by",
        "`python benchmarks/gate/table.py --out results/cpu/third_party.json`.",
        "",
        f"{len(rows)} of {len(BRANCHES)} branches were measured: {counts['yes']} right, {counts['no']} wrong, {counts['open']} open. On "
        f"{machines}; load before a call from {min(loads):g} to {max(loads):g}; commit {commits}.",
        "Where other programs load the machine, speed stays open: only a quiet one can judge the branch that is slower.",
        f"Not measured: {', '.join(missing) or 'none'}.",
        "",
        "| branch | first line of the verdict | exit code | seconds | expected | right |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            "| " + " | ".join(cell(str(row[key])) for key in ("branch", "said", "exit_code", "seconds", "expected", "right")) + " |"
            for row in rows
        ),
    ]
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def cell(text: str) -> str:
    """Return text that ends no cell."""
    return text.replace("|", "\\|")


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NAME,NAME")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--pair-seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - {branch.name for branch in BRANCHES}:
        parser.error(f"no branch {', '.join(sorted(unknown))}; known: {', '.join(branch.name for branch in BRANCHES)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())

"""Turn pytest-benchmark's JSON into a record that can be committed: the figures and the keys of the machine, without its name or its paths.

``python benchmarks/keep.py measured.json results/cpu/training_step.json``; with several inputs a later one replaces an earlier one's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def keep(sources: list[Path]) -> list[dict[str, Any]]:
    """Return what each benchmark stored, by the name of its test."""
    kept: dict[str, dict[str, Any]] = {}
    for source in sources:
        measured = json.loads(source.read_text(encoding="utf-8"))
        for one in measured["benchmarks"]:
            kept[one["name"]] = {"test": one["name"], "measured": measured["datetime"][:10], **one["extra_info"]}
    return [kept[name] for name in sorted(kept)]


if __name__ == "__main__":
    *inputs, output = map(Path, sys.argv[1:])
    output.write_text(json.dumps(keep(inputs), indent=1) + "\n", encoding="utf-8")

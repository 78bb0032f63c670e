"""One word, one meaning: no two classes of the harness have the same name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

HARNESS = Path(__file__).parents[1] / "ganbench"


def test_no_class_name_means_two_things() -> None:
    """A reader who knows a class in one file must not meet another one under its name; classes inside functions and classes count too."""
    files = defaultdict(set)
    for file in HARNESS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                files[node.name].add(f"{file.relative_to(HARNESS)}:{node.lineno}")
    twice = {name: sorted(places) for name, places in files.items() if len(places) > 1}
    assert twice == {}

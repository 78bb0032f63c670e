"""The small configurations of all families, each in a ``zoo_<family>.py`` beside this file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any


def small_cases() -> dict[str, dict[str, Any]]:
    """Return settings by configuration path for each architecture and recipe that comes with ganbench."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(Path(__file__).parent.glob("zoo_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert found.keys().isdisjoint(module.CASES)
        found.update(module.CASES)
    return found

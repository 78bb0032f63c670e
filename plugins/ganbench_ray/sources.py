"""Which code a machine has. This file is sent to the nodes as it is, for another ganbench may be there, or none: it imports nothing."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path


def code_of(packages: list[str], distributions: list[str]) -> dict[str, str]:
    """Return a hash of the Python sources of each package, and the version of each distribution; empty where this machine lacks it."""
    found = {package: _hash(package) for package in packages}
    for name in distributions:
        try:
            found[f"{name}'s version"] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[f"{name}'s version"] = ""
    return found


def _hash(package: str) -> str:
    try:
        spec = sys.modules[package].__spec__ if package in sys.modules else importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return ""
    if spec is None or spec.origin is None:
        return ""
    origin, digest = Path(spec.origin), hashlib.sha256()
    for file in sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]:
        digest.update(os.fsencode(file.relative_to(origin.parent)) + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """Say how the code of another machine differs from this one's; nothing where it does not."""
    missing = [name for name in here if not there.get(name)]
    other = [name for name in here if there.get(name) and there[name] != here[name]]
    parts = [f"it lacks {_names(missing)}"] if missing else []
    parts += [f"its {_names(other)} {'is' if len(other) == 1 else 'are'} not what this machine has"] if other else []
    return " and ".join(parts)


def _names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

"""What is said of ganbench itself: by the installed distribution, or by ``pyproject.toml`` where the source tree is used as it lies.

With the source folders on ``PYTHONPATH`` and nothing installed, version and plugins are the same as after an installation.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

from ganbench.plugin.entry_points import EntryPoint

NAME = "ganbench"


class SourceTree(importlib.metadata.Distribution):
    """The distribution that a ``pyproject.toml`` describes.

    Args:
        path: the file.

    Raises:
        importlib.metadata.PackageNotFoundError: it cannot be read, or is not ganbench's.
    """

    def __init__(self, path: Path) -> None:
        self._root = path.parent
        self._project = _read_project(path)
        if self._project.get("name") != NAME:
            raise importlib.metadata.PackageNotFoundError(NAME)

    def read_text(self, filename: str) -> str | None:
        """Return what an installation would have written: METADATA or entry_points.txt; None for any other file."""
        if filename == "METADATA":
            return f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {self._project['version']}\n"
        if filename == "entry_points.txt":
            groups: dict[str, dict[str, str]] = self._project.get("entry-points", {})
            return "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in own.items()) for group, own in groups.items())
        return None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Return a path in the source tree."""
        return self._root / path


def own_distribution() -> importlib.metadata.Distribution:
    """Return ganbench's distribution: the installed one, else the source tree's.

    Raises:
        importlib.metadata.PackageNotFoundError: there is neither.
    """
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.distribution(NAME)
    return SourceTree(Path(__file__).parents[1] / "pyproject.toml")


def own_entry_points(groups: tuple[str, ...]) -> list[EntryPoint]:
    """Return the entry points of the source tree, where ganbench is used without being installed; none where there is no tree either."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        own = own_distribution()
        return [EntryPoint(e.group, e.name, e.value, own.name, own.version) for e in own.entry_points if e.group in groups]
    return []


def _read_project(path: Path) -> dict[str, Any]:
    try:
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        with path.open("rb") as file:
            project: dict[str, Any] = tomllib.load(file)["project"]
    except (ImportError, OSError, ValueError, KeyError):
        raise importlib.metadata.PackageNotFoundError(NAME) from None
    return project

"""The entry points of installed distributions, read by hand: importlib.metadata imports e-mail and archives, longer than ``--help`` takes.

Folders of the path are looked through, as an installer leaves them; not archives.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple


class EntryPoint(NamedTuple):
    """One line of an ``entry_points.txt``, and whose it is."""

    group: str
    name: str
    value: str
    """``"module"`` or ``"module:attribute"``."""
    distribution: str
    version: str

    def load(self) -> Any:
        """Import what it names."""
        module, _, attributes = self.value.partition("[")[0].partition(":")
        found: Any = importlib.import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
        return found


def read_entry_points(groups: tuple[str, ...]) -> Iterator[EntryPoint]:
    """Yield the entry points of some groups; of two distributions of one name only those of the first on the path, as Python imports it."""
    seen: set[str] = set()
    for folder in sys.path:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:  # no such folder, or an archive
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                project = name.rpartition(".")[0].partition("-")[0].lower().replace("_", "-").replace(".", "-")
                if project not in seen:
                    seen.add(project)
                    yield from _entry_points_of(os.path.join(folder, name), groups)


def _entry_points_of(info: str, groups: tuple[str, ...]) -> Iterator[EntryPoint]:
    """Yield the entry points of the distribution that a folder of metadata describes; one that cannot be read is passed over."""
    try:
        with open(os.path.join(info, "entry_points.txt"), "rb", buffering=0) as file:
            content = file.read()
        lines = list(_lines_of(content.decode(), groups)) if any(group.encode() in content for group in groups) else []
    except OSError:
        return
    except ValueError as error:
        import logging  # late, for nothing else of --help needs it

        logging.getLogger(__name__).warning("the distribution in %s has a damaged entry_points.txt (%s); it is passed over", info, error)
        return
    if lines:
        origin = _name_and_version(info)
        yield from (EntryPoint(*line, *origin) for line in lines)


def _lines_of(text: str, groups: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield group, name and value.

    Raises:
        ValueError: a line is none of these.
    """
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif line and not line.startswith(("#", ";")) and group in groups:
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"{line!r} is no entry point")
            yield group, name.strip(), value.strip()


def _name_and_version(info: str) -> tuple[str, str]:
    """Return what the head of the metadata says, in whatever state they are."""
    facts: dict[str, str] = {}
    for name in ("METADATA", "PKG-INFO"):
        try:
            with open(os.path.join(info, name), encoding="utf-8", errors="replace") as file:
                for line in file:
                    if not line.strip():
                        break
                    key, _, value = line.partition(":")
                    facts.setdefault(key.lower(), value.strip())
        except OSError:
            continue
    return facts.get("name", "") or "unknown", facts.get("version", "")

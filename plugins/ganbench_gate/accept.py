"""Reviewed changes that are intended, each with its reason, in a file of the repository.

::

    [[accept]]
    metric = "generator_parameters"    # or the path of a setting that differs, as architecture.options.width
    cell = "dcgan digits"              # the name that the verdict prints; for `ganbench trend` the id too
    from = 17856
    to = 26656
    also = ["flops_per_iteration"]     # what changes with it; may be left out
    reason = "wider networks"
    where = "#41"                      # the pull request or the path of the change; may be left out

A change is known by what it is and not by its commit, so that an entry holds after a merge, a squash and a rebase; once base has the new
value there is nothing left that it would excuse. A JSON file holds the same: ``{"accept": [{"metric": ..., ...}]}``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import UsageError, read_file
from ganbench_gate.toml import parse_toml

ACCEPT_FILE = "accept.toml"
"""What is read from the directory of a history where no file is named."""
_TEXTS = ("metric", "cell", "reason")
_VALUES = ("from", "to")
_FIELDS = ("metric", "cell", "from", "to", "reason", "also", "where")
ABSENT = "none"
"""How an entry writes a value that one side does not have."""
_ROUNDING = 1e-9

Value = bool | int | float | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """One intended change."""

    metric: str
    """Its name, or the path of a setting."""
    cell: str
    """Name or id."""
    before: Value
    """``from`` in the file."""
    after: Value
    """``to`` in the file."""
    reason: str
    also: tuple[str, ...] = ()
    """Metrics that change with it."""
    where: str = ""
    """The pull request or the path of the change."""

    def is_change(self, before: object, after: object, *, tolerance: float = 0.0) -> bool:
        """Tell whether it means a change from one value to another.

        Args:
            before: None where there is none.
            after: likewise.
            tolerance: relative, of numbers that have noise.
        """
        return _agree(self.before, before, tolerance) and _agree(self.after, after, tolerance)

    def is_of(self, cells: Collection[str]) -> bool:
        """Tell whether it is about a cell that has some names."""
        return self.cell in cells

    @property
    def why(self) -> str:
        """The reason, with the place where there is one."""
        return f"{self.reason} ({self.where})" if self.where else self.reason


def _agree(written: Value, value: object, tolerance: float) -> bool:
    if value is None:
        return written == ABSENT
    numbers = [one for one in (written, value) if isinstance(one, (int, float)) and not isinstance(one, bool)]
    if len(numbers) == 2:
        return math.isclose(*numbers, rel_tol=max(tolerance, _ROUNDING))
    return type(written) is type(value) and written == value


def accepts_of(history: Path) -> tuple[Accept, ...]:
    """Return the intended changes that stand beside a history; its file of them need not be there.

    Raises:
        UsageError: the file cannot be read.
    """
    path = history / ACCEPT_FILE
    return read_accepts(path) if os.path.isfile(path) else ()


def read_accepts(path: Path) -> tuple[Accept, ...]:
    """Return the entries of a TOML or JSON file.

    Raises:
        UsageError: it is missing or damaged, or an entry lacks a field or has an unknown one.
    """
    tree = _json(path) if path.suffix == ".json" else _toml(path)
    entries = tree.get("accept", [])
    if unknown := sorted(set(tree) - {"accept"}):
        raise UsageError(f"{path} has the unknown field {unknown[0]!r}", hint="it holds entries [[accept]] only")
    if not isinstance(entries, list):
        raise UsageError(f"{path}: accept must be a list of entries (got {type(entries).__name__})", hint="write [[accept]]")
    return tuple(_entry(entry, f"entry {number} of {path}") for number, entry in enumerate(entries, start=1))


def _entry(entry: object, place: str) -> Accept:
    if not isinstance(entry, dict):
        raise UsageError(f"{place} must have the fields {', '.join(_FIELDS[:-2])} (got {entry!r})")
    if unknown := sorted(set(entry) - set(_FIELDS)):
        raise UsageError(f"{place} has the unknown field {unknown[0]!r}", hint=f"known: {', '.join(_FIELDS)}")
    for name in (*_TEXTS, *(["where"] if "where" in entry else [])):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise UsageError(f"{place}: {name} must be a text that is not empty (got {entry.get(name)!r})")
    for name in _VALUES:
        if not isinstance(entry.get(name), (bool, int, float, str)):
            raise UsageError(f"{place}: {name} must be a number or a text (got {entry.get(name)!r})", hint="the verdict prints both values")
    also = entry.get("also", [])
    if not isinstance(also, list) or not all(isinstance(name, str) and name for name in also):
        raise UsageError(f"{place}: also must be a list of names of metrics (got {also!r})")
    texts = {name: entry[name] for name in _TEXTS}
    return Accept(**texts, before=entry["from"], after=entry["to"], also=tuple(also), where=entry.get("where", ""))


def _json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(read_file(path))
    except OSError as error:
        raise _unreadable(path, error) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}", hint="mend that line") from None
    if not isinstance(tree, dict):
        raise UsageError(f"{path} must be an object (got {type(tree).__name__})")
    return tree


def _toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_file(path).decode("utf-8-sig"))
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError as error:  # UnicodeDecodeError too
        raise UsageError(f"{path} is not valid TOML: {error}", hint="mend that line") from None


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot read {path}: {error.strerror}", hint="give a TOML or JSON file of accepted changes")

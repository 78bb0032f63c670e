"""Reviewed changes: steps of a series that are intended, each with its reason, in a file of the repository.

::

    [[accept]]
    metric = "samples_per_second"
    cell = "dcgan digits"              # the name or the id that `ganbench trend` prints
    commit = "3f2a9c1"                 # or a run id where the commit is unknown
    reason = "larger batches of the discriminator, see #41"

A JSON file holds the same: ``{"accept": [{"metric": ..., ...}]}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ganbench import UsageError, read_file
from ganbench_gate.history import DIRTY, UNKNOWN

_ACCEPT_FILE = "accept.toml"
"""What is read from the directory of a history where no file is named."""
_FEWEST_DIGITS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """One intended change."""

    metric: str
    cell: str
    """Name or id."""
    commit: str
    """7 hex digits or more; or a whole run id."""
    reason: str

    def covers(self, metric: str, cells: Collection[str], commits: Iterable[str], runs: Collection[str]) -> bool:
        """Tell whether it means a step.

        Args:
            metric: of the step's series.
            cells: name and id of its cell.
            commits: at the step.
            runs: ids of the runs at the step.
        """
        known = self.commit in runs or any(_same(self.commit, commit) for commit in commits if commit != UNKNOWN)
        return self.metric == metric and self.cell in cells and known


def accepts_of(history: Path) -> tuple[Accept, ...]:
    """Return the intended changes that stand beside a history; its file of them need not be there.

    Raises:
        UsageError: the file cannot be read.
    """
    path = history / _ACCEPT_FILE
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
    names = [field.name for field in fields(Accept)]
    if not isinstance(entry, dict):
        raise UsageError(f"{place} must have the fields {', '.join(names)} (got {entry!r})")
    for name in names:
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise UsageError(f"{place}: {name} must be a text that is not empty (got {entry.get(name)!r})")
    if unknown := sorted(set(entry) - set(names)):
        raise UsageError(f"{place} has the unknown field {unknown[0]!r}", hint=f"known: {', '.join(names)}")
    if len(entry["commit"]) < _FEWEST_DIGITS:
        raise UsageError(f"{place}: commit must have 7 digits or more (got {entry['commit']!r})")
    return Accept(**entry)


def _same(written: str, known: str) -> bool:
    """Tell whether two commits agree as far as both are written out."""
    written, known = written.lower().removesuffix(DIRTY), known.lower().removesuffix(DIRTY)
    return written.startswith(known) or known.startswith(written)


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
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return dict(tomllib.loads(read_file(path).decode("utf-8-sig")))
    except OSError as error:
        raise _unreadable(path, error) from None
    except RecursionError:
        raise UsageError(f"{path} is not valid TOML: it is nested too deeply", hint="mend that line") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise UsageError(f"{path} is not valid TOML: {error}", hint="mend that line") from None


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot read {path}: {error.strerror}", hint="give a TOML or JSON file of accepted changes")

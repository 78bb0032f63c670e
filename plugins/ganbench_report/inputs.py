"""From what the user typed to records with their places, verdicts, and what cannot be read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench import Comparison, RunRecord, Unreadable, UsageError, decode, find_runs, load_runs, read_file


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedRun:
    """A run, and where it lies."""

    record: RunRecord
    path: Path
    """The run folder, or the record file where there is no folder."""

    @property
    def board(self) -> str:
        """The folder that it shares with others."""
        return str(self.path.parent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """Everything that a page is made of."""

    runs: tuple[PlacedRun, ...]
    unreadable: tuple[Unreadable, ...]
    verdicts: tuple[tuple[str, Comparison], ...]
    """Each with what it is called."""


def read_inputs(names: Sequence[str]) -> Inputs:
    """Return what some paths mean.

    Args:
        names: of runs as ``ganbench table`` takes them, and files of verdicts; none for all runs below ``results/runs``.

    Raises:
        NothingToCompare: no run at all.
        UsageError: a name that is neither, a damaged verdict, or no record that can be read.
    """
    verdicts, others = [], []
    for name in names:
        data = _verdict(name)
        if data is None:
            others.append(name)
        else:
            verdicts.append((name, _comparison(data, name)))
    paths = find_runs(others) if others or not verdicts else ()
    items = load_runs(paths)
    unreadable = tuple(item for item in items if isinstance(item, Unreadable))
    if items and len(unreadable) == len(items):
        more = f" (and {len(items) - 1} more like it)" if len(items) > 1 else ""
        raise UsageError(f"no record can be read{more}: {unreadable[0].reason}")
    runs = tuple(PlacedRun(record=item, path=path) for item, path in zip(items, paths, strict=True) if isinstance(item, RunRecord))
    return Inputs(runs=runs, unreadable=unreadable, verdicts=tuple(verdicts))


def _verdict(name: str) -> dict[str, object] | None:
    """Return the content of a file that holds a verdict; None of any other path."""
    if not (name.endswith(".json") and os.path.isfile(name)):
        return None
    try:
        data = json.loads(read_file(Path(name)))
    except (OSError, ValueError, RecursionError):
        return None  # whoever reads it as a record says why it cannot be read
    return data if isinstance(data, dict) and "findings" in data else None


def _comparison(data: dict[str, object], name: str) -> Comparison:
    try:
        return decode(Comparison, data, "verdict")
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{name} is no verdict of this version: {error}", hint="make it again, or leave it out") from None

"""What a page watches: one run, or a folder of runs, whose ``matrix.json`` says which cells it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import CellRow, MatrixLedger, NothingToCompare, UsageError, clean, find_runs

_LEDGER = "matrix.json"


@dataclass(frozen=True, slots=True)
class Watched:
    """A run's folder, or one that holds runs."""

    path: Path
    is_run: bool

    @property
    def is_matrix(self) -> bool:
        """Whether it is the folder of a matrix."""
        return not self.is_run and os.path.isfile(self.path / _LEDGER)

    def runs(self) -> tuple[Path, ...]:
        """Return the folders of the runs that are there by now."""
        if self.is_run:
            return (self.path,)
        try:
            return find_runs((str(self.path),))
        except (NothingToCompare, UsageError):  # none yet
            return ()

    def cells(self) -> tuple[CellRow, ...]:
        """Return the rows of the matrix; none where it is no matrix, or its file cannot be read just now."""
        if not self.is_matrix:
            return ()
        try:
            return MatrixLedger(self.path).rows()
        except UsageError:
            return ()


def find_watched(name: str) -> Watched:
    """Return what a name means: a folder of a run or of runs, or a run's id; the newest run of all where it is empty.

    Raises:
        UsageError: it is neither.
        NothingToCompare: there is no run at all.
    """
    if name and os.path.isfile(Path(name) / _LEDGER):
        return Watched(Path(name), is_run=False)
    found = [path for path in find_runs((name,) if name else ()) if os.path.isdir(path)]
    if not found:
        raise UsageError(f"{name} is a record alone, and what is watched is a folder", hint="give the folder of a run or of a matrix")
    if not name:
        return Watched(max(found, key=lambda path: (path.stat().st_mtime, path.name)), is_run=True)
    one = found[0]
    is_run = len(found) == 1 and (not os.path.isdir(name) or one.samefile(name))
    return Watched(one if is_run else Path(name), is_run=is_run)


def cell_states(watched: Watched, runs: Mapping[Path, int], states: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the cells of a matrix as a page shows them.

    Args:
        watched: the matrix.
        runs: the number of each run by its resolved folder.
        states: what each run says of itself, by its number; it is right where the matrix's file says something else.
    """
    found = []
    for row in watched.cells():
        number = runs.get((watched.path / row.directory).resolve()) if row.directory else None
        said = states.get(number, "") if number is not None else ""
        state = {"complete": "done", "": row.state}.get(said, said)
        if row.state in ("failed", "unsupported") and said not in ("complete", "diverged", "running"):
            state = row.state
        found.append({"name": clean(row.name), "state": state, "reason": clean(row.reason), "attempts": row.attempts, "run": number})
    return found

"""The folder of a reproduction: where its files lie, and the rules that let one command begin it, go on with it and show it.

::

    results/reproductions/NAME/
        reproduction.json           the record; it exists if and only if every cell is finished
        partial_reproduction.json   the record so far
        table.md                    published beside measured, for the cells that are finished
        samples/CELL.png, CELL/     what the first seed of a finished cell generates, where it can be shown
        checkpoints/CELL/           of the cell that is being trained
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType

from ganbench import RunLock, UsageError, remove_leftovers, render, to_json, write_text
from ganbench_reproduce.record import ReproductionRecord, from_json
from ganbench_reproduce.table import reproduction_document

DEFAULT_ROOT = Path("results") / "reproductions"
_IDENTITY = ("name", "options", "seeds", "budget")


class ReproductionDirectory:
    """A locked folder; a context manager.

    Args:
        path: made when missing.

    Raises:
        UsageError: it cannot be made, holds other things, or another process works in it.
        StorageError: it is not writable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._complete, self._partial = path / "reproduction.json", path / "partial_reproduction.json"
        self._lock = RunLock(path / ".lock")

    def __enter__(self) -> ReproductionDirectory:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--out {self.path} cannot be made: {error.strerror}", hint="choose another folder") from None
        ours = ("reproduction.json", "partial_reproduction.json", "table.md", "samples", "checkpoints")
        others = [entry.name for entry in self.path.iterdir() if entry.name not in ours and not entry.name.startswith(".")]
        if others and not (os.path.exists(self._complete) or os.path.exists(self._partial)):
            raise UsageError(f"--out {self.path} holds other files ({min(others)})", hint="choose another folder")
        self._lock.acquire()
        remove_leftovers(self.path)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()

    def previous(self) -> ReproductionRecord | None:
        """Return the record that lies here, finished or not; None in a new folder.

        Raises:
            UsageError: it cannot be read.
        """
        for path in (self._complete, self._partial):
            if os.path.exists(path):
                return from_json(path.read_bytes(), str(path))
        return None

    def require_same(self, previous: ReproductionRecord, wanted: ReproductionRecord) -> None:
        """Refuse to go on with something else.

        Raises:
            UsageError: the folder holds a reproduction of another configuration.
        """
        for field in _IDENTITY:
            old, new = getattr(previous, field), getattr(wanted, field)
            if old != new:
                raise UsageError(
                    f"{self.path} holds a reproduction with {_difference(field, old, new)}",
                    hint="give the same command to go on with it, or choose another folder with --out",
                )

    def checkpoints(self, cell: str) -> Path:
        """Return the folder of a cell's checkpoints, which the first of them makes."""
        return self.path / "checkpoints" / cell

    def samples(self, cell: str) -> Path:
        """Return where the samples of a cell are written, without a suffix; the folder is made."""
        folder = self.path / "samples"
        folder.mkdir(exist_ok=True)
        return folder / cell

    def write(self, record: ReproductionRecord) -> None:
        """Keep a record and its table; a complete one takes the place of the partial one, and ends the checkpoints.

        Raises:
            StorageError: the disk is full or not writable.
        """
        complete = record.status == "complete"
        write_text(self.path / "table.md", render(reproduction_document(record), "markdown"))
        write_text(self._complete if complete else self._partial, to_json(record))
        for cell in record.cells:
            shutil.rmtree(self.path / "checkpoints" / cell.name, ignore_errors=True)
        if complete:
            self._partial.unlink(missing_ok=True)
            shutil.rmtree(self.path / "checkpoints", ignore_errors=True)


def _difference(field: str, old: object, new: object) -> str:
    """Say what another configuration has, and what was asked for."""
    if isinstance(old, dict) and isinstance(new, dict):
        name = next(key for key in sorted({*old, *new}) if old.get(key) != new.get(key))
        return f"option {name} {old.get(name)} (asked: {new.get(name)})"
    if isinstance(old, tuple) and isinstance(new, tuple):
        return f"{len(old)} {field} (asked: {len(new)})"
    return f"{field} {old} (asked: {new})"

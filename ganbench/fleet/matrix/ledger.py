"""``matrix.json``: what became of each cell of a matrix, also of those that never became a run.

It holds what run directories cannot say. Where the two disagree the run directory is right: a run is complete if and only if its
``record.json`` exists. A change is a line in ``matrix.jsonl``, under a lock; lines that outgrow the file, or their call, go into it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganbench.errors import LaterVersion, UsageError
from ganbench.reading import read_file
from ganbench.record.directory import RunDirectory, wait_for_lock
from ganbench.record.files import open_own, storage_errors, write_text
from ganbench.record.serialise import decode, encode

_SCHEMA_VERSION = 1
_FILE_NAME = "matrix.json"

CellState = Literal["waiting", "running", "done", "diverged", "failed", "unsupported", "interrupted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRow:
    """One cell."""

    name: str
    state: CellState
    id: str = ""
    """Identity of the configuration; empty where the cell could not be resolved."""
    directory: str = ""
    """Where the run lies inside the matrix's folder; empty where there will be none."""
    reason: str = ""
    output: tuple[str, ...] = ()
    """The last lines that the worker printed, where the cell failed."""
    attempts: int = 0
    threads: int = 0
    """CPU threads that the matrix gave it; 0 where its configuration says."""
    exclusive: bool = False
    """Whether it ran alone on the machine."""
    seconds: float = 0.0
    """How long the last attempt took."""
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    """What was asked for, as flags would say it: ``plugin``, and values by configuration path."""

    @property
    def key(self) -> str:
        """What tells rows apart: two matrices in one folder may call different cells alike."""
        return f"{self.name}\n{json.dumps(self.settings, sort_keys=True)}"


class MatrixLedger:
    """The rows of a matrix's folder.

    Args:
        folder: of the matrix; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self._changes = folder / _FILE_NAME, folder / f"{_FILE_NAME}l"

    def rows(self) -> tuple[CellRow, ...]:
        """Return all rows as they stand: what a finished run says of itself goes above what the file says.

        Raises:
            UsageError: the file is damaged or of a later version.
        """
        return tuple(self._as_it_stands(row) for row in self._read())

    def update(self, rows: Collection[CellRow]) -> None:
        """Write rows in the place of earlier ones of the same cells; with none put all changes into the file.

        Raises:
            UsageError: the file that is there is damaged.
            StorageError: the disk is full or not writable; the old file is untouched.
        """
        from ganbench.distribution import own_distribution

        lines = "".join(f"\n{json.dumps(encode(row), ensure_ascii=False)}" for row in rows).encode(errors="backslashreplace")
        with storage_errors(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open_own(self.folder / f".{_FILE_NAME}.lock", os.O_RDWR)
        try:
            wait_for_lock(lock)
            with storage_errors(self.path), os.fdopen(open_own(self._changes, os.O_WRONLY | os.O_APPEND), "ab") as file:
                file.write(lines)  # also before they go into the file: what is read in between is no older
                if lines and os.path.exists(self.path) and file.tell() < self.path.stat().st_size:
                    return
            cells = list({row.key: row for row in (*self._read(), *rows)}.values())
            data = {"schema_version": _SCHEMA_VERSION, "ganbench_version": own_distribution().version, "cells": cells}
            write_text(self.path, json.dumps(encode(data), indent=2, ensure_ascii=False) + "\n")
            self._changes.unlink()
        finally:
            os.close(lock)

    def _read(self) -> tuple[CellRow, ...]:
        try:
            lines = read_file(self._changes).split(b"\n") if os.path.exists(self._changes) else []  # first: what is added later is newer
            data = json.loads(read_file(self.path))
            if isinstance(version := data["schema_version"], int) and version > _SCHEMA_VERSION:
                raise LaterVersion(self.path, version, _SCHEMA_VERSION)
            rows = {(row := decode(CellRow, cell, "matrix.cells")).key: row for cell in data["cells"]}
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}", hint="check its permissions") from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            hint = "remove it; the runs beside it are not lost by that"
            raise UsageError(f"{self.path} is damaged: {type(error).__name__}: {error}", hint=hint) from None
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, RecursionError):  # half a line of a killed writer; the run directory is right
                row = decode(CellRow, json.loads(line), "row")
                rows[row.key] = row
        return tuple(rows.values())

    def _as_it_stands(self, row: CellRow) -> CellRow:
        if not row.directory:
            return row
        if (finished := finished_state(path := self.folder / row.directory)) is not None:
            return dataclasses.replace(row, state=finished, reason=row.reason if row.state == finished else "", output=())
        if row.state in ("done", "diverged"):
            return dataclasses.replace(row, state="waiting", reason="its run directory has gone")
        if row.state == "running" and not RunDirectory(path).is_active:
            return dataclasses.replace(row, state="interrupted", reason="killed; the next call goes on with it")
        return row


def finished_state(directory: Path) -> Literal["done", "diverged"] | None:
    """Return how the run in a directory ended; None where it has not.

    A record that cannot be read is one of a finished run all the same, and the table says what is wrong with it.
    """
    run = RunDirectory(directory)
    if not run.is_finished:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(read_file(run.record_path))["status"] == "diverged":
            return "diverged"
    return "done"

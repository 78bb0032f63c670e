"""The state of a run on disk, so that a killed run goes on to the same bits.

A checkpoint is one file whose name holds the images seen and the sha256 of its content, so a damaged one is recognised without trusting
it. It is written under a temporary name, synced and renamed; the last few are kept; it is loaded with ``weights_only``, so it cannot run
code.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ganbench.errors import GanbenchError, RunFailed
from ganbench.reading import read_file
from ganbench.record.files import storage_errors, write_bytes

logger = logging.getLogger(__name__)

_FORMAT = 2
_LONGEST_REASON = 300
_NAME = re.compile(r"^(\d{12})-([0-9a-f]{16})\.pt$")


def save_checkpoint(folder: Path, state: dict[str, Any], *, samples_seen: int, keep: int) -> Path:
    """Write a checkpoint and remove all but the newest ``keep``.

    Args:
        folder: the run's ``checkpoints``; made when missing.
        state: tensors, numbers, strings, lists and dicts only.
        samples_seen: orders the files.
        keep: how many stay.

    Raises:
        StorageError: the disk is full or not writable; older checkpoints are untouched.
    """
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, **state}, buffer)
    data = buffer.getvalue()
    path = folder / f"{samples_seen:012d}-{_digest(data)}.pt"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.path.exists(path):
        write_bytes(path, data)
    for other in _list_checkpoints(folder):
        # What lies at or beyond this point was passed over as damaged; left there it would be counted instead of a whole one.
        if other != path and _samples_seen(other) >= samples_seen:
            other.unlink(missing_ok=True)
    remove_superseded(folder, samples_seen, keep)
    return path


def remove_superseded(folder: Path, samples_seen: int, keep: int) -> None:
    """Remove all but the newest ``keep`` up to a point; also after a resume, because a kill may have come before the last of them went."""
    for older in [p for p in _list_checkpoints(folder) if _samples_seen(p) <= samples_seen][:-keep]:
        older.unlink(missing_ok=True)


def _list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted(p for p in folder.glob("*.pt") if _NAME.match(p.name))


def load_checkpoint(folder: Path, take: Callable[[dict[str, Any]], None] = lambda state: None) -> dict[str, Any] | None:
    """Return the newest checkpoint that is whole, or None where there is none.

    A damaged one is named in a warning and passed over. Tensors come back on the CPU; whoever takes them moves them.

    Args:
        folder: the run's ``checkpoints``.
        take: tries the state; a checkpoint of which it raises anything but an error of ganbench is damaged, whatever its hash says.

    Raises:
        RunFailed: there are checkpoints, and not one of them can be read.
        GanbenchError: what ``take`` raised.
    """
    paths = _list_checkpoints(folder)
    for path in reversed(paths):
        state = _load(path, take)
        if state is not None:
            return state
    if paths:
        raise RunFailed(f"none of the {len(paths)} checkpoints in {folder} is whole", hint="start the run anew")
    return None


def _load(path: Path, take: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
    """Return a checkpoint's state, or None with a warning."""
    match = _NAME.match(path.name)
    assert match is not None
    try:
        data = read_file(path)
        if _digest(data) != match.group(2):
            raise ValueError(f"its content has changed ({len(data)} bytes)")
        state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if state.get("format") != _FORMAT:
            raise ValueError(f"its format is {state.get('format')!r}, this is {_FORMAT}")
        take(state)
    except GanbenchError:
        raise
    except Exception as error:  # whatever a damaged file makes of the reader
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        logger.warning("checkpoint %s is damaged (%s); trying the one before", path.name, " ".join(reason.split())[:_LONGEST_REASON])
        return None
    return state


def _samples_seen(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]

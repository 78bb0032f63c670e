"""What each cell of a matrix will be, found out in other processes: its identity, its run directory, or why it cannot run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import UsageError
from ganbench.fleet.executor import CellRequest
from ganbench.fleet.matrix.wanted import WantedCell
from ganbench.fleet.resolve_process import ResolvedCell
from ganbench.fleet.worker import Worker, WorkerFailed, launch_function
from ganbench.record.directory import RunDirectory
from ganbench.record.serialise import encode

_PATIENCE_SECONDS = 120.0
"""For one cell; a plugin in a file imports what it likes, torch included."""
_SLUG = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCell:
    """A cell that is resolved."""

    cell: WantedCell
    request: CellRequest
    id: str = ""
    """Identifies the configuration and the code of its plugins; empty where it cannot run."""
    directory: Path | None = None
    """Where its run lies, whether it exists or not."""
    device: str = ""
    threads: int = 0
    reason: str = ""
    """Why it cannot run."""
    crashed: bool = False
    """Whether resolving it ended the process, which is a failure and no lack of support."""

    @property
    def is_finished(self) -> bool:
        """Whether its run came to its end."""
        return self.directory is not None and RunDirectory(self.directory).is_finished


def plan_cells(
    cells: Sequence[WantedCell], folder: Path, off: Sequence[str] = (), *, patience: float = _PATIENCE_SECONDS
) -> tuple[PlannedCell, ...]:
    """Resolve cells; what is the same run as an earlier cell becomes a cell that cannot run.

    Args:
        cells: of the matrix.
        folder: that holds the run directories.
        off: plugins switched off by ``-p no:NAME``.
        patience: seconds for each cell.

    Raises:
        UsageError: a setting that no message can hold.
    """
    requests = [_request(cell, off) for cell in cells]
    taken = _existing(folder)
    owners: dict[str, str] = {}
    planned = []
    for cell, request, (answer, crashed) in zip(cells, requests, _answers(requests, patience), strict=True):
        reason = answer.reason
        if answer.id and answer.id in owners:
            reason = f"the same configuration as {owners[answer.id]}"
        owners.setdefault(answer.id, cell.name)
        runs = bool(answer.id) and not reason
        planned.append(
            PlannedCell(
                cell=cell,
                request=request,
                id=answer.id if runs else "",
                directory=taken.get(answer.id, folder / f"{_slug(cell.name)}-{answer.id}") if runs else None,
                device=answer.device,
                threads=answer.threads,
                reason=reason,
                crashed=crashed,
            )
        )
    return tuple(planned)


def _request(cell: WantedCell, off: Sequence[str]) -> CellRequest:
    request = CellRequest(plugin=cell.plugin, settings=dict(cell.settings), options=dict(cell.options), off=list(off))
    try:
        json.dumps(encode(request))
    except TypeError:
        raise UsageError(f"cell {cell.name}: a setting must be text, a number, true or false, or a list of them") from None
    return request


def _answers(requests: Sequence[CellRequest], patience: float) -> Iterator[tuple[ResolvedCell, bool]]:
    """Yield an answer for each request, and whether the process died of it; after a death another process goes on behind it."""
    done = 0
    while done < len(requests):
        for answer in _ask(requests[done:], patience):
            done += 1
            yield answer, False
        if done < len(requests):
            done += 1
            yield ResolvedCell(reason="its plugins end or block the process that loads them"), True


def _ask(requests: Sequence[CellRequest], patience: float) -> Iterator[ResolvedCell]:
    """Yield the answers of one process, as many as it gives."""
    worker = Worker(launch_function("the process that loads plugins", "ganbench.fleet.resolve_process:serve"))
    try:
        for request in requests:
            try:
                answer = worker.ask(encode(request), "cell", patience)
            except WorkerFailed:
                return
            yield ResolvedCell(**answer)
    finally:
        worker.close()


def _existing(folder: Path) -> dict[str, Path]:
    """Return the run directories by identity, a finished one before another."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if os.path.isdir(folder) else ():
        identity = path.name.rpartition("-")[2]
        if os.path.isdir(path) and (identity not in found or RunDirectory(path).is_finished):
            found[identity] = path
    return found


def _slug(name: str) -> str:
    """Return a cell's name as the beginning of a folder's name."""
    return re.sub(r"[^A-Za-z0-9_+.=]+", "-", name).strip("-.")[:_SLUG].strip("-.") or "run"

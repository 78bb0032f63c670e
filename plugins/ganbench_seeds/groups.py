"""Which cells may be trained together, and how a cell crosses to the process that does it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganbench import CellRequest, CellTask, encode

_SEED = "training.seed"


def key_of(task: CellTask) -> str | None:
    """Return what all cells of a group share; None for a cell that must be alone.

    Alone are those that are timed, held to a limit, or told to reporters: a limit and a reporter are of one process with one run.
    """
    request = task.request
    limited = task.exclusive or task.timeout_seconds is not None or task.memory_limit_mib is not None
    if limited or request.reporters or _SEED not in request.settings:
        return None
    settings = {path: value for path, value in request.settings.items() if path != _SEED}
    return json.dumps([request.plugin, settings, request.options, request.off, task.threads, task.device], sort_keys=True, default=str)


def grouped(tasks: Sequence[CellTask], *, most: int, parts: int) -> tuple[list[list[CellTask]], list[CellTask]]:
    """Return groups of cells, and the cells that are alone.

    Args:
        tasks: whatever waits.
        most: cells of a group, at most.
        parts: how many processes there may be, among which the cells of a kind are shared out.
    """
    kinds: dict[str, list[CellTask]] = {}
    alone = []
    for task in tasks:
        if (key := key_of(task)) is None:
            alone.append(task)
        else:
            kinds.setdefault(key, []).append(task)
    groups = []
    for kind in kinds.values():
        count = max(-(-len(kind) // most), min(parts, len(kind) // 2), 1)
        shares = [kind[number::count] for number in range(count)]
        groups += [share for share in shares if len(share) > 1]
        alone += [task for share in shares if len(share) == 1 for task in share]
    return groups, alone


def order_of(task: CellTask) -> dict[str, Any]:
    """Return a cell as a line of JSON can hold it."""
    paths = {"directory": str(task.directory), "log": str(task.log)}
    return {"name": task.name, "threads": task.threads, "device": task.device, **paths, "request": encode(task.request)}


def task_of(order: Mapping[str, Any]) -> CellTask:
    """Return the cell of an order."""
    paths = {name: Path(order[name]) for name in ("directory", "log")}
    return CellTask(**{**order, **paths, "request": CellRequest(**order["request"])})

"""One cell against the plugins: its configuration, its metrics, and the identity by which its run is found again.

This runs in processes of its own (:mod:`ganbench.fleet.matrix.plan` starts them), because a plugin in a file is executed to be resolved,
and whatever it does then must not end the matrix.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ganbench.config.model import PLUGIN_NAMES, part_of, without_folder
from ganbench.config.resolve import Layer, flatten
from ganbench.errors import UsageError
from ganbench.fleet.executor import CellRequest
from ganbench.fleet.worker import Say
from ganbench.plugin.manager import PluginManager
from ganbench.record.serialise import encode
from ganbench.run.plan import RunPlan, plan_run

_ID_DIGITS = 10
_MOST_BYTES = 2**32
"""Of data that are read to tell a cell by what it computes; it takes seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedCell:
    """What a cell turned out to be."""

    id: str = ""
    """Digits of a hash over the configuration and the sources of its plugins; empty where it cannot be resolved."""
    device: str = ""
    """As configured: auto, cpu, cuda, cuda:N."""
    threads: int = 0
    """As configured; 0 leaves the choice to the matrix."""
    reason: str = ""
    """Why it cannot run."""


def _cell_id(plan: RunPlan) -> str:
    """Return the identity of a cell: equal for what would be the same run, another one when a plugin's source or its data have changed."""
    values = {path: value for path, value in flatten(plan.config).items() if part_of(path) != "place"}
    values.update({path: _content(str(value)) for path, value in values.items() if part_of(path, plan.config) == "place"})
    values.update({path: without_folder(str(values[path])) for path in PLUGIN_NAMES})
    values["evaluation.metrics"] = [one.name for one in plan.metrics]
    plugins = [*plan.plugins, *([plan.recipe] if plan.recipe else [])]
    text = json.dumps([encode(values), [encode(one.identity()) for one in plugins]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]


@functools.cache
def _content(place: str) -> str:
    """Return a hash of the names and the bytes of a file or folder, wherever it lies; a word that names neither is what it says.

    More than :data:`_MOST_BYTES` are told by where they lie and when they were changed.
    """
    root, digest = Path(place), hashlib.sha256()
    files = [root] if os.path.isfile(root) else sorted(_files(root)) if root.is_absolute() else []
    whole = sum(path.stat().st_size for path in files) <= _MOST_BYTES
    for path in files:
        status = path.stat()
        where = "" if whole else f"{path.resolve()} {status.st_mtime_ns}"
        digest.update(ascii((str(path.relative_to(root)), status.st_size, where)).encode())
        if whole:
            with path.open("rb") as file:
                while block := file.read(2**20):
                    digest.update(block)
    return digest.hexdigest() if files else place


def _files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, through links too, but never in a circle."""
    seen = {os.path.realpath(root)}
    for folder, inner, names in os.walk(root, followlinks=True):
        leads_to = {name: os.path.realpath(Path(folder, name)) for name in sorted(inner)}
        inner[:] = [name for name, place in leads_to.items() if place not in seen]
        seen.update(leads_to.values())
        yield from filter(os.path.isfile, (Path(folder, name) for name in names))


def _answer(request: CellRequest, manager: PluginManager) -> ResolvedCell:
    """Resolve one cell; what is wrong with it becomes the reason."""
    try:
        plan = plan_run(manager, request.plugin, [Layer(origin="matrix", settings=request.settings)], request.options)
        training = plan.config.training
        return ResolvedCell(id=_cell_id(plan), device=training.device, threads=training.threads)
    except (UsageError, OSError) as error:
        return ResolvedCell(reason=str(error))


def serve(orders: Iterable[str], say: Say) -> None:
    """Answer each order, a request, in the same order."""
    managers: dict[tuple[str, ...], PluginManager] = {}
    for line in orders:
        request = CellRequest(**json.loads(line))
        off = tuple(request.off)
        if off not in managers:
            managers[off] = PluginManager(off=off)
        say({"cell": encode(_answer(request, managers[off]))})

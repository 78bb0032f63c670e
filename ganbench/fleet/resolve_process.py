"""One cell against the plugins: its configuration, its metrics, and the identity by which its run is found again.

This runs in processes of its own (:mod:`ganbench.fleet.matrix.plan` starts them), because a plugin in a file is executed to be resolved,
and whatever it does then must not end the matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from ganbench.config.model import part_of
from ganbench.config.resolve import Layer, flatten
from ganbench.errors import UsageError
from ganbench.fleet.executor import CellRequest
from ganbench.fleet.worker import Say
from ganbench.plugin.manager import PluginManager
from ganbench.record.serialise import encode
from ganbench.run.plan import RunPlan, plan_run

_ID_DIGITS = 10


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
    """Return the identity of a cell: equal for what would be the same run, another one when a plugin's source has changed."""
    values = {path: value for path, value in flatten(plan.config).items() if part_of(path) != "place"}
    values["evaluation.metrics"] = [one.name for one in plan.metrics]
    plugins = [*plan.plugins, *([plan.recipe] if plan.recipe else [])]
    text = json.dumps([encode(values), [encode(one.identity()) for one in plugins]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]


def _answer(request: CellRequest, manager: PluginManager) -> ResolvedCell:
    """Resolve one cell; what is wrong with it becomes the reason."""
    try:
        plan = plan_run(manager, request.plugin, [Layer(origin="matrix", settings=request.settings)], request.options)
        training = plan.config.training
        return ResolvedCell(id=_cell_id(plan), device=training.device, threads=training.threads)
    except UsageError as error:
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

"""One cell against the plugins: its configuration, its metrics, and the identity by which its run is found again.

This runs in processes of its own (:mod:`ganbench.fleet.matrix.plan` starts them), because a plugin in a file is executed to be resolved,
and whatever it does then must not end the matrix.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from ganbench.config.resolve import Layer, flatten
from ganbench.errors import UsageError
from ganbench.plugin.manager import PluginManager
from ganbench.record.serialise import decode, encode
from ganbench.run.plan import RunPlan, plan_run

_NOT_IDENTITY = ("data.", "checkpoint.", "training.workers", "evaluation.extractor_weights")
"""Settings that change no bit of a run."""
_ID_DIGITS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRequest:
    """What is needed to resolve a cell; plain values only."""

    plugin: str
    settings: dict[str, Any]
    options: dict[str, str]
    off: list[str]
    """Plugins switched off by ``-p no:NAME``."""


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


def cell_id(plan: RunPlan) -> str:
    """Return the identity of a cell: equal for what would be the same run, another one when a plugin's source has changed."""
    values = {path: value for path, value in flatten(plan.config).items() if not path.startswith(_NOT_IDENTITY)}
    values["evaluation.metrics"] = [one.name for one in plan.metrics]
    plugins = [*plan.plugins, *([plan.recipe] if plan.recipe else [])]
    text = json.dumps([encode(values), [encode(one.identity()) for one in plugins]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]


def answer(request: CellRequest, manager: PluginManager) -> ResolvedCell:
    """Resolve one cell; what is wrong with it becomes the reason."""
    try:
        plan = plan_run(manager, request.plugin, [Layer(origin="matrix", settings=request.settings)], request.options)
        training = plan.config.training
        return ResolvedCell(id=cell_id(plan), device=training.device, threads=training.threads)
    except UsageError as error:
        return ResolvedCell(reason=str(error))


def main() -> None:
    """ResolvedCell each line of the input with a line on the descriptor that the first argument names, in the same order."""
    managers: dict[tuple[str, ...], PluginManager] = {}
    with os.fdopen(int(sys.argv[-1]), "w", encoding="utf-8") as out:
        for line in sys.stdin:
            request = request_from(line)
            key = tuple(request.off)
            if key not in managers:
                managers[key] = PluginManager(off=key)
            out.write(json.dumps(encode(answer(request, managers[key]))) + "\n")
            out.flush()


def request_from(text: str | bytes) -> CellRequest:
    """Return the request that a line of JSON holds."""
    return CellRequest(**json.loads(text))


def answer_from(text: str | bytes) -> ResolvedCell:
    """Return the answer that a line of JSON holds.

    Raises:
        ValueError: it is none.
    """
    return decode(ResolvedCell, json.loads(text), "answer")

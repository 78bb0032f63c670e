"""The raw samples of all pairs as JSON, so that a verdict can be looked into, or decided anew, later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ganbench.ab.lockstep import PairResult
from ganbench.ab.side import Side
from ganbench.results.serialise import encode

SCHEMA_VERSION = 1


def samples_json(base: Side, head: Side, pairs: Sequence[PairResult], *, machine: str, seed: int) -> str:
    """Return the document: what was run, and every block of every process in the order of time.

    Args:
        base: what base ran.
        head: what head ran.
        pairs: in the order in which they ran.
        machine: in words.
        seed: of the order in which the processes were started.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "machine": machine,
        "seed": seed,
        "base": _side(base),
        "head": _side(head),
        "pairs": [_pair(pair) for pair in pairs],
    }
    return json.dumps(encode(document), allow_nan=False) + "\n"


def _side(side: Side) -> dict[str, Any]:
    settings = {path: value if isinstance(value, (int, float, bool)) else str(value) for path, value in side.settings.items()}
    return {"name": side.name, "plugin": side.plugin, "settings": settings, "options": dict(side.options), "slowdown": side.slowdown}


def _pair(pair: PairResult) -> dict[str, Any]:
    return {
        "spawn_order": list(pair.spawn_order),
        "steps_per_block": pair.steps_per_block,
        "seconds": pair.seconds,
        "sides": {
            name: {"images_per_second": side.images_per_second, "ready": side.ready, "facts": side.facts}
            for name, side in pair.sides.items()
        },
    }

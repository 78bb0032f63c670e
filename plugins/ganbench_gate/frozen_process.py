"""Score the frozen samples of a tree of any version; run by its path, in a process whose ``PYTHONPATH`` is that tree.

The job comes in as one line of JSON, and one line goes out. What the code under test prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
from pathlib import Path
from typing import Any

_MODULES = ("ganbench.testing.frozen", "ganbench.run.frozen", "ganbench.evaluation.frozen", "ganbench.metrics.frozen")
"""Where a version of ganbench has them, the newest first."""


private_streams = runpy.run_path(str(Path(__file__).with_name("streams.py")))["private_streams"]


def main() -> None:
    """Take the job and answer it."""
    orders, say = private_streams()
    say({"scores": _score_all(json.loads(orders.readline()))})


def _score_all(job: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return what became of each set of frozen samples; None for a version that knows none.

    Args:
        job: ``off``, ``device``, ``threads`` and ``data_root``.
    """
    rescore = find_rescore()
    if rescore is None:
        return None
    import torch

    from ganbench.plugin.manager import PluginManager

    torch.set_num_threads(job["threads"])
    manager = PluginManager(off=tuple(job["off"]))
    frozen = sorted((r for r in manager.registered if r.spec.kind == "frozen"), key=lambda r: (r.spec.name, r.distribution))
    return [_score_one(registered, manager, job, rescore) for registered in frozen]


def find_rescore() -> Any:
    """Return the function that this tree scores frozen samples by; None for a version that knows none."""
    import ganbench

    tree = Path(ganbench.__file__).parent
    for name in _MODULES:
        # The file is looked at, because an editable installation of another tree fills in the modules that this one lacks.
        if os.path.isfile(tree.joinpath(*name.split(".")[1:]).with_suffix(".py")):
            return importlib.import_module(name).rescore
    return None


def _score_one(registered: Any, manager: Any, job: dict[str, Any], rescore: Any) -> dict[str, Any]:
    """Return the values of one set, or why there are none."""
    import torch

    from ganbench.data.source import DataContext
    from ganbench.errors import GanbenchError

    name = registered.spec.name
    device = ("cuda" if torch.cuda.is_available() else "cpu") if job["device"] == "auto" else job["device"]
    data = DataContext(data_root=Path(job["data_root"]) if job["data_root"] else None)
    try:
        found = rescore(registered.build(registered.spec.options()), manager, device=device, data=data)
    except GanbenchError as error:
        return {"samples": name, "error": f"{type(error).__name__}: {error}", "metrics": []}
    return {"samples": name, "error": "", "metrics": [metric for one in found for metric in _values_of(one)]}


def _values_of(one: Any) -> list[dict[str, Any]]:
    """Return each quantity of a metric beside its stored value; None where there is only one of them."""
    now = {value.name: value for value in one.values}
    differences = [list(difference) for difference in one.differences()]
    return [
        {
            "name": name,
            "label": now[name].label if name in now else name,
            "stored": one.stored.values.get(name),
            "measured": now[name].value if name in now else None,
            "differences": differences,
        }
        for name in dict.fromkeys((*one.stored.values, *now))
    ]


if __name__ == "__main__":
    main()

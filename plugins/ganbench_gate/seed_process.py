"""Train one seed with the code of a tree, and leave its run; run by its path, in a process whose ``PYTHONPATH`` is that tree.

The job comes in as one line of JSON, and one line goes out. What the code under test prints goes to stderr.
"""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

private_streams = runpy.run_path(str(Path(__file__).with_name("streams.py")))["private_streams"]


def main() -> None:
    """Take the job and answer it."""
    orders, say = private_streams()
    say({"run": _train(json.loads(orders.readline()))})


def _train(job: dict[str, Any]) -> str:
    """Train to the end of the budget, measure there by the first metric, and return how the run ended."""
    import torch

    import ganbench

    torch.set_num_threads(job["threads"])
    manager = ganbench.PluginManager(off=tuple(job["off"]))

    def planned(metrics: Any) -> Any:
        return ganbench.plan(job["plugin"], metrics=metrics, options=job["options"], settings=job["settings"], manager=manager)

    first = [one.name for one in planned(None).metrics][:1]
    record = ganbench.Run(planned(first), manager).start(lambda dataset: ganbench.RunDirectory.create_at(Path(job["folder"])))
    return str(record.status)


if __name__ == "__main__":
    main()

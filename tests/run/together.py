"""Several processes that train together: a child for each, and what they leave behind.

Run as a script it is one of the processes, and trains what its first argument says, one after the other, into folders below its second.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

Cases = Mapping[str, tuple[str, Mapping[str, Any]]]
"""A plugin and its settings, by the name of the folder."""


def environment(rank: int, world: int, port: int) -> dict[str, str]:
    """Return what torchrun tells a process."""
    told = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": world,
        "LOCAL_WORLD_SIZE": world,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    return {**os.environ, **{name: str(value) for name, value in told.items()}, "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(world: int, command: Sequence[str], *, folder: Path) -> list[subprocess.Popen[str]]:
    """Start the processes of one run; stdout and stderr of each come by pipes."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *command],
            env=environment(rank, world, port),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def finish(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Wait until all have come to a good end."""
    ended = [one.communicate(timeout=600) for one in processes]
    assert [one.returncode for one in processes] == [0] * len(processes), ended


def train(world: int, cases: Cases, folder: Path) -> None:
    """Train each case to its end on so many processes."""
    folder.mkdir(parents=True, exist_ok=True)
    finish(start(world, [__file__, json.dumps(cases), str(folder)], folder=folder))


def networks(run: Path) -> dict[str, torch.Tensor]:
    """Return every parameter and buffer in the last checkpoint of a run."""
    newest = max((run / "checkpoints").glob("*.pt"))
    modules = torch.load(newest, weights_only=True)["algorithm"]["modules"]
    return {f"{name}.{key}": tensor for name, module in modules.items() for key, tensor in module.items()}


def _main(cases: str, folder: Path) -> None:
    from ganbench.plugin.manager import PluginManager
    from ganbench.ranks import Ranks
    from ganbench.record.directory import RunDirectory
    from ganbench.run.call import plan
    from ganbench.run.lifecycle import Run

    ranks, manager = Ranks.of_environment(), PluginManager()
    for name, (plugin, settings) in json.loads(cases).items():
        settings = {path: tuple(value) if isinstance(value, list) else value for path, value in settings.items()}
        run = Run(plan(plugin, settings=settings, manager=manager), manager, ranks=ranks)
        if ranks.is_first:
            run.start(lambda _, name=name: RunDirectory.create_at(folder / name))  # type: ignore[misc]
        else:
            run.follow(resumes=False)
    ranks.leave()


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))

"""The executor's end in the matrix's process: it hands cells to the process that speaks to Ray, and hears how they end.

Ray prints a lot, takes signals, and ends its process where the head of the cluster has gone. None of that is the matrix's affair.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import logging
import time
from pathlib import Path
from typing import Any

from ganbench import (
    CellOutcome,
    CellProgress,
    CellTask,
    ExecutorContext,
    RunFailed,
    UsageError,
    Worker,
    WorkerFailed,
    encode,
    launch_function,
    take_in,
)
from ganbench_ray import RayOptions

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 300.0
"""For importing Ray, starting or finding a cluster, and comparing the sources of its nodes."""
_LOOK_SECONDS = 0.5
_GOODBYE_SECONDS = 20.0
_GO_ON = "the same command runs what is not finished"
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""For a cluster that is started here: it reports to nobody, and its cells have the usual priority, where Ray gives them the lowest."""


class RayExecutor:
    """Runs cells on the nodes of a Ray cluster.

    Args:
        options: as the user gave them.
        context: of the matrix.

    Raises:
        UsageError: Ray is not installed, there is no such cluster, or none of its nodes can run a cell.
        RunFailed: the process that speaks to Ray ended.
    """

    def __init__(self, options: RayOptions, context: ExecutorContext) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UsageError("the executor ray needs ray", hint="pip install 'ganbench[ray]'")
        self._jobs = context.jobs
        self.slots = self.machines = self.cpus = 0
        self._bridge = Worker(launch_function("the process that speaks to Ray", "ganbench_ray.bridge:serve", _ENVIRONMENT))
        try:
            order = {"options": dataclasses.asdict(options), "folder": str(context.folder.resolve())}
            self._resize(self._bridge.ask({"connect": order}, "ready", _CONNECT_SECONDS))
        except WorkerFailed as error:
            last = next(reversed(error.last_words), "")
            self._bridge.close()
            raise RunFailed(f"Ray could not be reached: {error.what}{last and f': {last}'}", hint="see -x address") from None
        except BaseException:
            self._bridge.close()
            raise

    def submit(self, task: CellTask) -> None:
        """Hand a cell over."""
        with contextlib.suppress(WorkerFailed):  # its end is noticed at the next look
            self._bridge.send({"submit": order_of(task)})

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what has happened within half a second.

        Raises:
            RunFailed: the cluster has gone; what is finished is kept.
        """
        take_in([self._bridge], _LOOK_SECONDS)
        ended = self._bridge.exit_code is not None  # asked before the last words are read
        happened: list[CellProgress | CellOutcome] = []
        for message in self._bridge.messages():
            if "progress" in message:
                happened.append(CellProgress(**message["progress"]))
            elif "outcome" in message:
                outcome = message["outcome"]
                happened.append(CellOutcome(**{**outcome, "output": tuple(outcome["output"])}))
            elif "nodes" in message:
                self._resize(message["nodes"])
            elif "note" in message:
                logger.warning("%s", message["note"])
            elif "lost" in message:
                raise RunFailed(message["lost"], hint=_GO_ON)
        if ended and not happened:
            last = next(reversed(self._bridge.last_words()), "it says nothing")
            raise RunFailed(f"the connection to the Ray cluster has gone: {last}", hint=_GO_ON)
        return happened

    def interrupt(self) -> None:
        """Ask every running cell to save and stop; the second time end them at once."""
        with contextlib.suppress(WorkerFailed):
            self._bridge.send({"interrupt": True})

    def close(self) -> None:
        """Take leave of the cluster, which ends whatever still runs; by force where that takes too long."""
        with contextlib.suppress(WorkerFailed):
            self._bridge.send({"close": True})
        until = time.monotonic() + _GOODBYE_SECONDS
        while self._bridge.exit_code is None and time.monotonic() < until:
            take_in([self._bridge], 0.05)
        self._bridge.close()

    def _resize(self, sizes: dict[str, int]) -> None:
        """Take over what the cluster has room for."""
        self.slots, self.machines = min(self._jobs, sizes["slots"]), min(self._jobs, sizes["machines"])
        self.cpus = sizes["cpus"] or self.cpus


def order_of(task: CellTask) -> dict[str, Any]:
    """Return a task as a line of JSON can hold it."""
    plain = {name: getattr(task, name) for name in ("name", "attempt", "exclusive", "threads", "device", "timeout_seconds")}
    paths = {"directory": str(task.directory), "log": str(task.log)}
    return {**plain, **paths, "memory_limit_mib": task.memory_limit_mib, "request": encode(task.request)}


def build(options: RayOptions, context: ExecutorContext) -> RayExecutor:
    """Return the executor that ``--executor ray`` means."""
    return RayExecutor(options, dataclasses.replace(context, folder=Path(context.folder)))

"""The process that speaks to Ray: it places cells on nodes, one Ray task each, and writes what comes back.

It answers an order ``connect`` with ``ready``, the sizes of the cluster, and then tells ``progress``, ``outcome``, ``nodes`` (the sizes
again, when they have changed), ``note`` (a line for the user) and ``lost`` (why nothing more can be run). Ray's own retries are off: the
matrix decides what is tried again, and an attempt that this process no longer waits for cannot come back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench import CellOutcome, CellRequest, CellTask, StorageError, UsageError, encode
from ganbench_ray import RayOptions, mailbox, sources
from ganbench_ray.connect import connect, first_line
from ganbench_ray.files import Place, mend
from ganbench_ray.node import Order, Parcel, run
from ganbench_ray.shipped import packages_and_distributions

_TICK_SECONDS = 0.05
_MAIL_SECONDS = 0.5
_NODES_SECONDS = 2.0
_COMPARE_SECONDS = 180.0
"""For the sources of a node, whose first Python process may have to start."""
_NO_NODE_SECONDS = 60.0
"""Without any node on which a cell can run, after which nothing more is waited for."""
_FORCE_SECONDS = 10.0
_PLUGIN_FILE = re.compile(r"(.+\.py):\w+")


@dataclass(slots=True)
class _Node:
    """A machine of the cluster."""

    id: str
    name: str
    cpus: int
    gpus: float
    comparison: Any = None
    """What will tell its sources; None when they are known."""
    compared_until: float = 0.0
    usable: bool = False
    cells: set[str] = field(default_factory=set)
    """Leases of what runs there."""

    def slots(self, options: RayOptions) -> int:
        """Return how many cells fit."""
        fit = self.cpus // options.cpus_per_cell
        return min(fit, int(self.gpus / options.gpus_per_cell)) if options.gpus_per_cell else fit


@dataclass(slots=True)
class _Attempt:
    """A cell that was handed over."""

    task: CellTask
    lease: str
    place: Place
    node: _Node | None = None


class Bridge:
    """Cells on a cluster.

    Args:
        options: of the executor.
        folder: of the matrix.
        say: tells the matrix's process.

    Raises:
        UsageError: there is no such cluster, or no node that can run a cell.
    """

    def __init__(self, options: RayOptions, folder: Path, say: Any) -> None:
        self._options, self.say = options, say
        mend(folder)
        packages, distributions = packages_and_distributions()
        self._code_of = (packages, [*distributions, "torch"])
        self._code = sources.code_of(*self._code_of)
        self._ray = connect(options, packages, distributions)
        for module in (mailbox, sources):
            self._ray.cloudpickle.register_pickle_by_value(module)
        self._run, self._compare_on = self._ray.remote(run), self._ray.remote(num_cpus=0, max_retries=0)(sources.code_of)
        here = self._on(self._ray.get_runtime_context().get_node_id())  # not softly: any other node may go
        kind = self._ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(mailbox.Mailbox)
        self._mailbox = kind.options(scheduling_strategy=here).remote()
        self._nodes: dict[str, _Node] = {}
        self._running: dict[Any, _Attempt] = {}
        self._waiting: deque[_Attempt] = deque()
        self._refused: list[str] = []
        self.sizes: dict[str, int] = {}
        self._stops, self._force_at = 0, float("inf")
        self._mail: Any = None
        self._mail_at = self._nodes_at = 0.0
        self._had_a_node_at = time.monotonic()
        self._find_first_nodes()

    def submit(self, order: dict[str, Any]) -> None:
        """Take a cell over."""
        task = task_of(order)
        try:
            place = Place(task.directory)
        except (UsageError, StorageError) as error:
            state: Any = "failed" if isinstance(error, UsageError) else "no-space"
            self._tell(CellOutcome(name=task.name, state=state, reason=error.what))
            return
        self._waiting.append(_Attempt(task, f"{task.name}\n{task.attempt}\n{os.urandom(8).hex()}", place))
        self._put_on_nodes()

    def interrupt(self) -> None:
        """Ask every cell to stop; what has not begun never does."""
        self._stops += 1
        begun = self._ray.get(self._mailbox.stop.remote())
        while self._waiting:
            self._end(self._waiting.popleft(), "interrupted", "")
        for reference, attempt in self._running.items():
            if attempt.lease not in begun:
                self._ray.cancel(reference)
        if self._stops > 1:
            self._force_at = time.monotonic() + self._options.grace_seconds + _FORCE_SECONDS

    def look(self) -> None:
        """Wait for a moment, and see to whatever has happened."""
        now = time.monotonic()
        if self._running:
            self._ray.wait(list(self._running), num_returns=1, timeout=_TICK_SECONDS)
            ended, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
            for reference in ended:
                self._receive(reference, self._running.pop(reference))
        if now >= self._mail_at:
            self._read_mail()
            self._mail_at = now + _MAIL_SECONDS
        if now >= self._nodes_at:
            self._look_at_nodes()
            self._nodes_at = time.monotonic() + _NODES_SECONDS
        if now >= self._force_at:
            for reference in self._running:
                self._ray.cancel(reference, force=True)
            self._force_at = float("inf")
        self._put_on_nodes()

    def close(self) -> None:
        """Leave the cluster; what runs there ends with this job."""
        self._ray.shutdown()
        for attempt in (*self._waiting, *self._running.values()):
            attempt.place.leave()

    def _find_first_nodes(self) -> None:
        """Compare the sources of all nodes, before the first cell."""
        self._look_at_nodes()
        while any(node.comparison for node in self._nodes.values()):
            time.sleep(_TICK_SECONDS)
            self._look_at_nodes()
        if not self.sizes["slots"]:
            room = f"none has room for {self._options.cpus_per_cell} CPUs and {self._options.gpus_per_cell:g} GPUs"
            why, hint = (
                (self._refused[0], "install the same there, or say -x ship=true") if self._refused else (room, "see -x cpus_per_cell")
            )
            raise UsageError(f"no node of the Ray cluster can run a cell: {why}", hint=hint)

    def _look_at_nodes(self) -> None:
        """See which nodes have come and gone, and what their sources are."""
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        for node in [self._nodes.pop(one) for one in tuple(self._nodes) if one not in alive]:
            self.say({"note": f"the node {node.name} has gone, and {len(node.cells)} running cells with it"})
        for one, found in alive.items():
            if one not in self._nodes:
                self._nodes[one] = self._begin_to_compare(found)
        for node in self._nodes.values():
            self._compare(node)
        usable = [node for node in self._nodes.values() if node.usable]
        slots = [node.slots(self._options) for node in usable]
        sizes = {"slots": sum(slots), "machines": sum(map(bool, slots)), "cpus": min((node.cpus for node in usable), default=0)}
        if sizes != self.sizes:
            self.sizes = sizes
            self.say({"nodes": sizes})
        if sizes["slots"] or self._running or any(node.comparison for node in self._nodes.values()):
            self._had_a_node_at = time.monotonic()
        elif time.monotonic() - self._had_a_node_at > _NO_NODE_SECONDS:
            self.say({"lost": f"no node of the Ray cluster could run a cell for {_NO_NODE_SECONDS:.0f} s"})

    def _begin_to_compare(self, found: dict[str, Any]) -> _Node:
        resources = found["Resources"]
        name = f"{found.get('NodeName') or found['NodeManagerAddress']} ({found['NodeID'][:6]})"
        node = _Node(found["NodeID"], name, int(resources.get("CPU", 0)), float(resources.get("GPU", 0)))
        self._doubt(node)
        return node

    def _doubt(self, node: _Node) -> None:
        """Use a node only when it has answered; one that has just died is listed for some seconds still."""
        node.usable, node.comparison = False, self._ask_for_code(node)
        node.compared_until = time.monotonic() + _COMPARE_SECONDS

    def _ask_for_code(self, node: _Node) -> Any:
        return self._compare_on.options(scheduling_strategy=self._on(node.id)).remote(*self._code_of)

    def _compare(self, node: _Node) -> None:
        """See whether a node has this machine's sources; say it where it has not."""
        if node.comparison is None:
            return
        if not self._ray.wait([node.comparison], timeout=0)[0]:
            if time.monotonic() > node.compared_until:
                self._refuse(node, f"it did not answer for {_COMPARE_SECONDS:.0f} s")
            return
        try:
            differs = sources.differences(self._code, self._ray.get(node.comparison))
        except self._ray.exceptions.RayError as error:
            passing = not isinstance(error, (self._ray.exceptions.RayTaskError, self._ray.exceptions.RuntimeEnvSetupError))
            if passing and time.monotonic() < node.compared_until:  # its worker was killed, or the node goes just now
                node.comparison = self._ask_for_code(node)
                return
            differs = first_line(error)
        if differs:
            self._refuse(node, differs)
        else:
            node.comparison, node.usable = None, True

    def _refuse(self, node: _Node, why: str) -> None:
        node.comparison = None
        self._refused.append(f"{node.name}: {why}")
        self.say({"note": f"the node {node.name} gets no cell: {why}"})

    def _put_on_nodes(self) -> None:
        """Begin what waits, each on the node that has most room."""
        while self._waiting:
            attempt = self._waiting[0]
            rooms = [(one.slots(self._options) - len(one.cells), one) for one in self._nodes.values() if one.usable]
            if attempt.task.exclusive:
                rooms = [(room, one) for room, one in rooms if not one.cells]
            room, node = max(rooms, key=lambda each: each[0], default=(0, None))
            if node is None or room < 1:
                return
            self._begin(self._waiting.popleft(), node)

    def _begin(self, attempt: _Attempt, node: _Node) -> None:
        task, whole = attempt.task, attempt.task.exclusive
        files = attempt.place.read()
        order = Order(
            task=task,
            lease=attempt.lease,
            grace_seconds=self._options.grace_seconds,
            folder=str(Path.cwd()),
            files=plugin_files(task.request),
            sees_gpus=self._options.gpus_per_cell > 0,
        )
        gpus = node.gpus if whole and self._options.gpus_per_cell else self._options.gpus_per_cell
        remote = self._run.options(
            name=task.name,
            num_cpus=node.cpus if whole else self._options.cpus_per_cell,
            num_gpus=gpus,
            max_retries=0,
            scheduling_strategy=self._on(node.id),
        )
        attempt.node = node
        node.cells.add(attempt.lease)
        self._running[remote.remote(order, self._ray.put(files) if files else b"", self._mailbox)] = attempt

    def _receive(self, reference: Any, attempt: _Attempt) -> None:
        """Take what has come back, or say why nothing has."""
        errors, node = self._ray.exceptions, attempt.node
        assert node is not None
        try:
            parcel: Parcel = self._ray.get(reference)
        except errors.TaskCancelledError:
            self._end(attempt, "interrupted" if self._stops else "killed", "" if self._stops else "Ray cancelled it")
        except errors.RayTaskError as error:
            self._end(attempt, "failed", f"on the node {node.name}: {first_line(error.cause)}")
        except errors.RuntimeEnvSetupError as error:
            self._end(attempt, "failed", f"the sources cannot be brought to the node {node.name}: {first_line(error)}")
        except errors.OutOfMemoryError:
            self._end(attempt, "killed", f"Ray ended it because the node {node.name} was short of memory")
        except errors.RayError as error:
            self._doubt(node)
            self._end(attempt, "interrupted" if self._stops > 1 else "killed", self._why_lost(node, error))
        else:
            self._keep(attempt, parcel)

    def _why_lost(self, node: _Node, error: Exception) -> str:
        alive = {one["NodeID"] for one in self._ray.nodes() if one["Alive"]}
        if node.id not in alive or isinstance(error, (self._ray.exceptions.NodeDiedError, self._ray.exceptions.TaskUnschedulableError)):
            return f"its node {node.name} has gone"
        if isinstance(error, self._ray.exceptions.WorkerCrashedError):
            return f"its Ray worker on the node {node.name} was killed"
        return f"Ray lost it on the node {node.name}: {first_line(error)}"

    def _keep(self, attempt: _Attempt, parcel: Parcel) -> None:
        """Write what a node has sent; only then is the outcome told."""
        outcome = parcel.outcome
        if parcel.printed:
            _append(attempt.task.log, parcel.printed)
        try:
            attempt.place.put(parcel.files)
        except StorageError as error:
            self._end(attempt, "no-space", str(error))
            return
        self._leave(attempt)
        self._tell(outcome)

    def _end(self, attempt: _Attempt, state: Any, reason: str) -> None:
        """End an attempt of which nothing came back."""
        self._mailbox.take_back.remote(attempt.lease)
        self._leave(attempt)
        self._tell(CellOutcome(name=attempt.task.name, state=state, reason=reason))

    def _leave(self, attempt: _Attempt) -> None:
        attempt.place.leave()
        if attempt.node is not None:
            attempt.node.cells.discard(attempt.lease)

    def _read_mail(self) -> None:
        """Pass on how far the cells are."""
        if self._mail is not None and self._ray.wait([self._mail], timeout=0)[0]:
            nodes = {attempt.lease: attempt.node for attempt in self._running.values()}
            with contextlib.suppress(self._ray.exceptions.ActorUnavailableError):
                for lease, progress in self._ray.get(self._mail).items():
                    if (node := nodes.get(lease)) is not None:
                        self.say({"progress": {**progress, "machine": node.name}})
            self._mail = None
        if self._mail is None and self._running:
            self._mail = self._mailbox.collect.remote()

    def _on(self, node_id: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node_id=node_id, soft=False)

    def _tell(self, outcome: CellOutcome) -> None:
        self.say({"outcome": encode(outcome)})

    @property
    def is_busy(self) -> bool:
        """Whether cells run, for which :meth:`look` waits."""
        return bool(self._running)


def task_of(order: dict[str, Any]) -> CellTask:
    """Return the task that :func:`ganbench_ray.executor.order_of` wrote."""
    request = CellRequest(**order["request"])
    return CellTask(**{**order, "request": request, "directory": Path(order["directory"]).resolve(), "log": Path(order["log"])})


def plugin_files(request: CellRequest) -> dict[str, str]:
    """Return the sha256 of each plugin file that a cell names, by its path as it is written there."""
    said = (request.plugin, *request.settings.values(), *request.options.values(), *request.reporters)
    names = {match[1] for one in said if isinstance(one, str) and (match := _PLUGIN_FILE.fullmatch(one))}
    return {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in sorted(names) if os.path.isfile(name)}


def _append(path: Path, data: bytes) -> None:
    """Add to a log; a full disk costs the log and nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
    except OSError:
        return


def serve(orders: Iterable[str], say: Any) -> None:
    """Take orders until there are none, or the matrix takes its leave."""
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    lines = iter(orders)
    first = json.loads(next(lines))["connect"]
    early: list[dict[str, Any]] = []
    try:
        bridge = Bridge(RayOptions(**first["options"]), Path(first["folder"]), early.append)
    except UsageError as error:
        say({"error": {"usage": True, "message": str(error)}})
        return
    for message in ({"ready": bridge.sizes}, *early):
        say(message)
    bridge.say = say

    def read() -> None:
        for line in lines:
            waiting.put(json.loads(line))

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            order = waiting.get(timeout=0 if bridge.is_busy else _TICK_SECONDS)
        except queue.Empty:
            bridge.look()
            continue
        if "submit" in order:
            bridge.submit(order["submit"])
        elif "interrupt" in order:
            bridge.interrupt()
        else:
            bridge.close()
            return

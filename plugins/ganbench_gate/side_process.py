"""One side of a pair: it trains with the code of its own tree, a block of steps whenever it is told to, and says how long that took.

This file is run by its path in a process whose ``PYTHONPATH`` is a tree of any version, so it takes from ganbench only what all versions
have, and from its own folder two files by their paths. It speaks JSON, one object to a line: first the job comes in, then
``{"run": steps}``, ``{"measure": true}``, ``{"finish": true}`` and ``{"fingerprint": how}``. What the code under test prints goes to
stderr and cannot be mistaken for an answer.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import importlib.util
import io
import json
import os
import resource
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

private_streams = runpy.run_path(str(Path(__file__).with_name("streams.py")))["private_streams"]


def main() -> None:
    """Take the job, then blocks until there are no more orders."""
    began = time.perf_counter()
    orders, say = private_streams()
    job = json.loads(orders.readline())
    try:
        training = SideTraining(job)
    except BaseException as error:  # SystemExit of a plugin too
        say({"error": {"usage": is_usage(error), "message": f"{type(error).__name__}: {error}"}})
        raise
    say({"ready": training.ready() | {"startup_seconds": time.perf_counter() - began}})
    for line in orders:
        order = json.loads(line)
        if "run" in order:
            block = training.run(order["run"])
            training.look_at_memory()
            say({"block": block})
        elif "measure" in order:
            training.measure(order.get("census", False))
            say({"measure": True})
        elif "fingerprint" in order:
            say({"fingerprint": training.fingerprint(job, order["fingerprint"])})
        else:
            say({"facts": training.facts(order["first_steps"], order["counts"])})


def _first_of(*names: str) -> Any:
    """Import the first of some modules that this tree has; a module has had another name in earlier versions.

    The files are looked at, because an editable installation of another tree fills in the modules that this one lacks.
    """
    import ganbench

    tree = Path(ganbench.__file__).parent
    there = (name for name in names if os.path.isfile(tree.joinpath(*name.split(".")[1:]).with_suffix(".py")))
    return importlib.import_module(next(there, names[-1]))


def _beside(name: str) -> Any:
    """Import a file that lies beside this one; the tree may have another of its name."""
    spec = importlib.util.spec_from_file_location(f"of_{Path(__file__).stem}_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_usage(error: BaseException) -> bool:
    """Tell whether this tree lacks what is asked of it, rather than being broken."""
    return getattr(error, "exit_code", None) == 2 or isinstance(error, ImportError)


def _build(job: dict[str, Any]) -> Any:
    """Return what this tree trains, built and without metrics: from its plan, or from its configuration where a tree plans nothing yet."""
    from ganbench.config.resolve import resolve

    builder = _first_of("ganbench.run.build", "ganbench.training.setup")
    if hasattr(builder, "build_materials"):
        manager, layers = _manager(job), _layers(job, {"evaluation.metrics": ()})
        return builder.build_materials(resolve(manager, job["plugin"], layers, job["options"]), manager, ())
    plan, manager = _plan(job, {"evaluation.metrics": ()})
    return builder.build(plan, manager)


def _plan(job: dict[str, Any], own: dict[str, Any]) -> tuple[Any, Any]:
    """Return the plan of a job with some settings of one's own, and the plugins."""
    manager = _manager(job)
    plan_run = importlib.import_module("ganbench.run.plan").plan_run
    return plan_run(manager, job["plugin"], _layers(job, own), job["options"]), manager


def _manager(job: dict[str, Any]) -> Any:
    from ganbench.plugin.manager import PluginManager

    return PluginManager(off=tuple(job["off"]))


def _layers(job: dict[str, Any], own: dict[str, Any]) -> list[Any]:
    from ganbench.config.resolve import Layer

    return [Layer(origin="command line", settings={**job["settings"], **own})]


class SideTraining:
    """What is trained.

    Args:
        job: ``plugin``, ``settings``, ``own_settings`` (those with the run's real budget), ``options``, ``off``, ``threads``, ``slowdown``,
            ``tree`` and ``foreign``.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        import torch

        torch.set_num_threads(job["threads"])
        self._made: Any = _build(job)
        self._algorithm: Any = self._made.algorithm
        torch.set_num_threads(job["threads"])  # whatever a plugin has set
        self._on_gpu = self._made.device.type == "cuda"
        self._wait: Callable[[], None] = torch.cuda.synchronize if self._on_gpu else lambda: None
        self._runner: Any = _start_runner(self._made)
        self._slowdown, self._tree, self._foreign = float(job["slowdown"]), job["tree"], job["foreign"]
        self._seen = self._done = 0
        self._operators: dict[str, int] | None = None
        self._counted_step = counted_step(self._algorithm) if self._runner.name == "eager" else -1
        self._memory: Any = _beside("side_memory")
        self._readings: list[tuple[int, int]] = []
        self._censuses: list[Any] | None = None

    def ready(self) -> dict[str, Any]:
        """Return what was built, of whose code."""
        import torch

        import ganbench

        made, modules = self._made, _modules_of(self._made.networks)
        parts = [*modules.values(), self._algorithm]
        batch = made.config.training.batch_size
        return {
            "ganbench": str(Path(ganbench.__file__).parent),
            "from_tree": _packages_below([self._tree] if self._tree else [], []),
            "foreign": _packages_below(self._foreign, [self._tree] if self._tree else []),
            "made_by": sorted({type(one).__module__.partition(".")[0] for one in parts}),
            **{f"{name}_parameters": sum(p.numel() for p in module.parameters()) for name, module in modules.items()},
            "data_hash": made.dataset.train.content_hash,
            "unit": getattr(getattr(made.dataset, "space", None), "unit", "images"),  # an older commit knows images alone
            "what": f"{made.config.name} on {made.dataset.name}, batch {batch}, {self._runner.name} on {made.device}",
            "gpu": self._gpu(),
            "torch": str(torch.__version__),
        }

    def _gpu(self) -> dict[str, Any]:
        import torch

        if not self._on_gpu:
            return {}
        properties = torch.cuda.get_device_properties(self._made.device)
        return {"name": properties.name, "memory_bytes": properties.total_memory}

    def run(self, steps: int) -> dict[str, float]:
        """Take some steps and return their seconds and how many real images they showed."""
        seen = self._seen
        self._wait()
        began = time.perf_counter()
        for _ in range(steps):
            step_began = time.perf_counter()
            self._algorithm.set_progress(self._seen)
            if self._done == self._counted_step:
                self._operators = _count_operators(lambda: self._runner.run(self._done))
            else:
                self._runner.run(self._done)
            self._seen += self._shown(self._done)
            self._done += 1
            if self._slowdown and not self._on_gpu:
                self._idle_on(step_began)
        self._wait()
        if self._slowdown and self._on_gpu:
            self._idle_on(began)
        return {"seconds": time.perf_counter() - began, "images": self._seen - seen}

    def look_at_memory(self) -> None:
        """Read how much is in use, and count the objects after 1, 2, 4, 8 ... blocks."""
        self._readings.append((self._done, self._memory.bytes_in_use(self._made.device)))
        blocks = len(self._readings)
        if self._censuses is not None and blocks & (blocks - 1) == 0:
            self._censuses.append(self._memory.take_census(self._done))

    def _shown(self, iteration: int) -> int:
        """Return how many real samples an iteration shows; earlier versions know images only."""
        shown = getattr(self._algorithm, "samples_shown", None) or self._algorithm.images_shown
        return int(shown(iteration))

    def _idle_on(self, began: float) -> None:
        """Keep the core busy for a fraction of the time since then."""
        until = began + (1 + self._slowdown) * (time.perf_counter() - began)
        while time.perf_counter() < until:
            sum(range(100))

    def measure(self, census: bool) -> None:
        """Forget the warm-up: its memory, and its phases, where a runner costs nothing to make anew."""
        self._readings.clear()
        if census:
            self._memory.begin_censuses()
            self._censuses = []
        if self._runner.name == "eager":
            self._runner = _start_runner(self._made)

    def facts(self, first_steps: int, counts: bool) -> dict[str, Any]:
        """Return what was seen of the whole process; with ``counts`` also what takes further steps to find out."""
        trajectory = self._algorithm.trajectory().contiguous().numpy()
        losses = trajectory[:first_steps]
        found = {
            "phase_milliseconds": dict(self._runner.phase_milliseconds()),
            "peak_rss_mib": _peak_rss_mib(),
            "peak_device_mib": self._peak_device_mib(),
            "trajectory_hash": hashlib.sha256(losses.tobytes()).hexdigest(),
            "trajectory_steps": len(losses),
            "step_hashes": [hashlib.sha256(step.tobytes()).hexdigest()[:12] for step in trajectory],
            "op_count": None if self._operators is None else sum(self._operators.values()),
            "operators": self._operators,
            "memory_readings": self._readings,
            "object_growth": self._object_growth(),
        }
        return found | (self._counts() if counts else {})

    def _object_growth(self) -> dict[str, Any] | None:
        """Return how many objects a step leaves behind, by a last census."""
        if self._censuses is None:
            return None
        if self._censuses and self._censuses[-1].steps < self._done:
            self._censuses.append(self._memory.take_census(self._done))
        gc.unfreeze()
        return self._memory.growth_of(self._censuses)  # type: ignore[no-any-return]

    def fingerprint(self, job: dict[str, Any], how: dict[str, int]) -> dict[str, Any]:
        """Return the digests of the run as a user would start it, built anew; nothing else is asked after this."""
        self._made = self._algorithm = self._runner = None  # a GPU may not hold two
        try:
            whole = {**job, "settings": job["own_settings"]}
            plan, manager = _plan(whole, {})
            made = _build(whole)
            fingerprint = _beside("side_fingerprint")
            prints = fingerprint.fingerprint_of(made, plan, plan.identities(manager), **how)
            schedules = fingerprint.schedules_of(made)
        except Exception as error:  # an older version, or a plugin that bears no jump: then there is no evidence, and that is said
            return {"error": f"{type(error).__name__}: {error}"}
        metrics, kimg = [one.name for one in plan.metrics], made.config.training.total_kimg
        return {"digests": prints, "schedules": schedules, "metrics": metrics, "kimg": kimg}

    def _peak_device_mib(self) -> float | None:
        import torch

        return torch.cuda.max_memory_allocated(self._made.device) / 2**20 if self._on_gpu else None

    def _counts(self) -> dict[str, Any]:
        """Count bytes and FLOPs; nothing is measured after this."""
        import torch

        count_flops = _first_of("ganbench.run.calibration", "ganbench.training.calibration").count_flops
        state, buffer = self._algorithm.state_dict(), io.BytesIO()
        torch.save(state, buffer)
        return {
            "checkpoint_bytes": buffer.getbuffer().nbytes,
            "optimizer_numbers": sum(tensor.numel() for tensor in _tensors_in(state.get("optimizers", {}))),
            "flops_per_iteration": count_flops(self._algorithm, self._made.device) or None,
        }


def counted_step(algorithm: Any) -> int:
    """Return the step whose operators are counted, always the same one: an early one that has all phases, if only the first."""
    return next((step for step in range(1, 6) if algorithm.plan(step) == algorithm.plan(0)), 0)


def _count_operators(call: Callable[[], None]) -> dict[str, int]:
    """Return how many operators a call dispatches, by name."""
    from torch.utils._python_dispatch import TorchDispatchMode

    total: dict[str, int] = {}

    class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = str(getattr(func, "overloadpacket", func)).replace(".", "::", 1)
            total[name] = total.get(name, 0) + 1
            return func(*args, **(kwargs or {}))

    counter: Any = Counter()  # type: ignore[no-untyped-call]
    with counter:
        call()
    return total


def _start_runner(made: Any) -> Any:
    """Return the runner that the configuration asks for, started."""
    from ganbench.training import runner

    wanted, algorithm, device = made.config.training.runner, made.algorithm, made.device
    if not hasattr(runner, "choose_runner"):  # of a version that had eager steps only
        return runner.make_runner(wanted, algorithm, device)
    return runner.start_runner(runner.choose_runner(wanted, algorithm, device), algorithm, device).runner


def _modules_of(networks: Any) -> dict[str, Any]:
    """Return the networks by their names; earlier versions have attributes instead."""
    names = ("generator", "discriminator")
    return dict(networks.modules) if hasattr(networks, "modules") else {name: getattr(networks, name) for name in names}


def _packages_below(folders: list[str], but: list[str]) -> list[str]:
    """Return the top-level packages and modules that were imported from below some folders, and not from an environment in them.

    An editable installation fills in submodules that an older tree lacks, for plugins of the other tree that nobody uses; whose package
    it is, the package itself says. What lies beside this file measures, and is not what is measured.
    """
    found, own = set(), Path(__file__).resolve().parent
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or not isinstance(file, str) or not Path(file).is_absolute() or name.startswith("__"):
            continue
        path = Path(file).resolve()
        if "site-packages" in path.parts or path.parent == own or any(path.is_relative_to(folder) for folder in but):
            continue
        if any(path.is_relative_to(folder) for folder in folders):
            found.add(name)
    return sorted(found)


def _tensors_in(value: Any) -> Iterator[Any]:
    """Yield every tensor in nested containers."""
    if hasattr(value, "numel"):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors_in(item)


def _peak_rss_mib() -> float:
    """Return the peak of this program's resident set; ``getrusage`` would also hold that of the process that started it."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()

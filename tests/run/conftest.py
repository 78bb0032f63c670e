"""Tiny runs in this process, by the same way as the command line's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.config.resolve import Layer
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.record.record import RunRecord
from ganbench.run import lifecycle
from ganbench.run.build import Materials
from ganbench.run.lifecycle import Run
from ganbench.run.plan import plan_run

TINY = {
    "architecture.options.latent_dim": 6,
    "architecture.options.generator_width": 4,
    "architecture.options.discriminator_width": 4,
    "dataset.options.resolution": 8,
    "training.total_kimg": 0.24,
    "training.batch_size": 24,
    "training.device": "cpu",
    "training.threads": 1,
    "evaluation.metrics": ("fd100_digits",),
    "evaluation.every_kimg": 0.1,
    "evaluation.grid_size": 2,
}
MANAGER = PluginManager()


@dataclass(frozen=True)
class Finished:
    """A run at its end."""

    materials: Materials
    directory: RunDirectory
    record: RunRecord


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep reference features of these runs out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the drawing at a run's end, which takes longer than these runs; its tests are with the results."""
    monkeypatch.setattr(lifecycle, "save_curves", lambda *_: None)


@pytest.fixture(autouse=True)
def _global_switches() -> Iterator[None]:
    """Put back what a run sets for its whole process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def new_run() -> Callable[..., Run]:
    """Return a function that builds a run of a tiny DCGAN on digits; keyword arguments are the run's, the rest are settings."""

    def make(settings: dict[str, Any] | None = None, manager: PluginManager = MANAGER, name: str = "dcgan", **arguments: Any) -> Run:
        chosen = {**TINY, **(settings or {})}
        if name != "dcgan":
            chosen = {k: v for k, v in chosen.items() if not k.startswith("architecture.")}
        plan = plan_run(manager, name, [Layer(origin="test", settings=chosen)])
        return Run(plan, manager, **arguments)

    return make


@pytest.fixture
def trained(new_run: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """Return a function that builds a run, takes it to its end and returns it with its record and its directory."""

    def to_its_end(settings: dict[str, Any] | None = None, **arguments: Any) -> Finished:
        run = new_run(settings, **arguments)
        record = run.start(lambda _: RunDirectory.create(tmp_path, name="run", dataset="digits", seed=0))
        return Finished(run.materials, RunDirectory(tmp_path / record.run_id), record)

    return to_its_end


@pytest.fixture
def weights() -> Callable[[Any], dict[str, torch.Tensor]]:
    """Return a function that copies every parameter and buffer of a run's networks."""

    def copy(run: Run | Finished) -> dict[str, torch.Tensor]:
        modules = run.materials.algorithm.modules()
        return {f"{n}.{k}": v.clone() for n, m in modules.items() for k, v in m.state_dict().items()}

    return copy


@pytest.fixture
def changed() -> Callable[[dict[str, torch.Tensor], dict[str, torch.Tensor]], list[str]]:
    """Return a function that names the tensors that are not the same bits in both."""

    def compare(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
        assert one.keys() == other.keys()
        return [name for name in one if not torch.equal(one[name], other[name])]

    return compare

"""Training on a GPU, step by step: a small DCGAN on digits under any runner, loss and choice of kernels.

Nothing here runs without a GPU: each test is skipped with that reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench.config.resolve import Layer
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import Materials, build
from ganbench.run.plan import plan_run
from ganbench.training.eager_runner import StepRunner
from ganbench.training.runner import make_runner
from ganbench_kernels import implementation, set_implementation

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, and deterministic runs need it

SMALL = {
    "architecture.options.latent_dim": 16,
    "architecture.options.generator_width": 16,
    "architecture.options.discriminator_width": 16,
    "architecture.options.conditional": False,
    "dataset.options.resolution": 16,
    "training.batch_size": 64,
    "training.ema_halflife_kimg": 0.5,
    "training.device": "cuda",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lies here where there is no GPU, before any fixture is made."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason="needs a GPU that torch can use"))


@dataclass(slots=True)
class Training:
    """Iterations of one run, driven as the trainer drives them."""

    materials: Materials
    runner: StepRunner
    iteration: int = 0

    def advance(self, count: int) -> Training:
        """Execute iterations without reading anything back."""
        algorithm = self.materials.algorithm
        for _ in range(count):
            algorithm.set_progress(self.iteration * algorithm.samples_shown(self.iteration))
            self.runner.run(self.iteration)
            self.iteration += 1
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of parameters, buffers, average, optimizer state, sums and the losses so far, on the CPU and by path."""
        state = self.materials.algorithm.state_dict()
        return {path: tensor.cpu().clone() for path, tensor in _walk(state, "") if not path.startswith(".random")}

    def losses(self) -> Tensor:
        """Return the losses of the first iterations, ``[n, 2]``."""
        return self.materials.algorithm.trajectory()


def _walk(node: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(node, Tensor):
        yield path, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _walk(value, f"{path}.{key}")
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from _walk(value, f"{path}.{index}")


@pytest.fixture(autouse=True)
def _global_switches() -> Iterator[None]:
    """Put back what a run sets for its whole process, and give its memory back."""
    deterministic, kernels, cudnn = torch.are_deterministic_algorithms_enabled(), implementation(), torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    torch.use_deterministic_algorithms(deterministic)
    set_implementation(kernels)
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
    torch.cuda.empty_cache()


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    """All plugins, loaded once."""
    return PluginManager()


@pytest.fixture
def start(manager: PluginManager) -> Callable[..., Training]:
    """Return a function that builds a run and starts its runner; the settings are added to a small DCGAN's, or are another plugin's."""

    def make(runner: str = "eager", plugin: str = "dcgan", **settings: Any) -> Training:
        own = SMALL if plugin == "dcgan" else {"training.device": "cuda"}
        chosen = {
            **own,
            **{name.replace("__", "."): value for name, value in settings.items()},
            "training.runner": runner,
            "evaluation.metrics": (),
        }
        materials = build(plan_run(manager, plugin, [Layer(origin="test", settings=chosen)]), manager)
        made = make_runner(runner, materials.algorithm, materials.device)
        made.start()
        return Training(materials, made)

    return build


@pytest.fixture
def changed() -> Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], list[str]]:
    """Return a function that names the tensors that are not the same bits in both."""

    def compare(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
        assert one.keys() == other.keys()
        assert any("optimizers" in name for name in one)
        return [name for name in one if not torch.equal(one[name], other[name])]

    return compare

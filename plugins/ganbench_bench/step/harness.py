"""The harness as ``ganbench run`` builds it, stepped from outside.

Trainer, runner, event log and all are there; evaluation, samples and checkpoints do not come in between.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import IndexStream, Materials, PluginManager, Run, RunDirectory, plan, stream
from ganbench_bench.step.plain_networks import plain
from ganbench_kernels import use_implementation

NEVER = {
    "evaluation.metrics": "none",
    "evaluation.samples_every_kimg": 1e9,
    "checkpoint.every_kimg": 1e9,
    "training.device": "cpu",
    "training.total_kimg": 200.0,
}
"""Nothing happens between steps but a progress report each two-hundredth of the budget, which is longer than any measurement on a CPU."""


def logits_of(answer: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Return the logits of what a discriminator answered, in its own precision; a bare tensor is the logits."""
    return answer[0] if isinstance(answer, tuple) else answer


class Harness:
    """A run that is stepped from outside.

    Args:
        plugin: an architecture or a recipe.
        settings: by configuration path; they go above :data:`NEVER`.
        directory: of the run; must not exist.
        training: settings of the section ``training``.

    Raises:
        GanbenchError: it cannot be built, or its runner cannot run it here.
    """

    def __init__(self, plugin: str, settings: Mapping[str, object], directory: Path, **training: object) -> None:
        manager = PluginManager()
        settings = {**NEVER, **settings, **{f"training.{name}": value for name, value in training.items()}}
        planned = plan(plugin, settings=settings, manager=manager)
        self._kernels = planned.config.training.kernels
        self._open = contextlib.ExitStack()
        with use_implementation(self._kernels):
            run = Run(planned, manager)
            self.materials: Materials = run.materials
            self.device = self.materials.device
            networks = self.materials.networks["generator"], self.materials.networks["discriminator"]
            self._initial = [{name: tensor.cpu().clone() for name, tensor in m.state_dict().items()} for m in networks]
            self._trainer = self._open.enter_context(run.trainer(self._open.enter_context(RunDirectory.create_at(directory))))
        self.threads = torch.get_num_threads()

    def close(self) -> None:
        """Close its files."""
        self._open.close()

    @property
    def batch_size(self) -> int:
        """N."""
        return self.materials.config.training.batch_size

    @property
    def epoch_steps(self) -> int:
        """Full batches in an epoch."""
        return self.materials.dataset.train.num_samples // self.batch_size

    def run(self, steps: int) -> None:
        """Train on for so many iterations, and wait for the device."""
        with use_implementation(self._kernels):
            self._trainer.train_until(self._trainer.counters.samples_seen + steps * self.batch_size)

    def issue(self) -> None:
        """Take one step without waiting for the device."""
        with use_implementation(self._kernels):
            self._trainer.step()

    def losses(self, steps: int) -> Tensor:
        """Train for ``steps`` iterations from the start and return ``[steps, 2]``: the discriminator's and the generator's loss."""
        self.run(steps)
        return self.materials.algorithm.trajectory()[:steps]

    def networks(self) -> tuple[nn.Module, nn.Module]:
        """Return contiguous copies of generator and discriminator as they were before the first step, of torch's own layers."""
        made = copy.deepcopy((self.materials.networks["generator"], self.materials.networks["discriminator"]))
        for module, state in zip(made, self._initial, strict=True):
            module.load_state_dict(state)
            module.to(memory_format=torch.contiguous_format)
        return plain(made[0]), plain(made[1])

    def real_images(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return all real images on the device, ``[num_images, C, H, W]`` in [-1, 1]."""
        source = self.materials.dataset.train
        return (source.read(torch.arange(source.num_samples)).to(self.device) / 127.5 - 1).to(dtype)

    def draw_latents(self, dtype: torch.dtype = torch.float32) -> Callable[[], Tensor]:
        """Return what draws the latents ``[N, latent_dim]`` that the harness draws."""
        random = stream(self.materials.config.training.seed, "latents", self.device)
        inputs, dataset = self.materials.networks.inputs, self.materials.dataset
        return lambda: inputs.draw(self.batch_size, random, dataset=dataset).to(dtype)

    def order(self) -> Iterator[Tensor]:
        """Yield the indices of the harness's batches, ``[N]`` int64."""
        source, seed = self.materials.dataset.train, self.materials.config.training.seed
        drawn = IndexStream(source.num_samples, seed=seed, device=self.device)
        for position in range(0, 2**62, self.batch_size):
            yield drawn.draw(position, self.batch_size)[0]

    def facts(self) -> dict[str, Any]:
        """Return what was trained, for a record."""
        config = self.materials.config
        return {"plugin": config.name, "dataset": self.materials.dataset.name, "batch_size": self.batch_size}

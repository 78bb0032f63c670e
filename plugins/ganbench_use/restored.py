"""A run as its newest checkpoint has it: its data, its networks, and what they generate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ganbench import (
    Materials,
    PluginManager,
    RunRecord,
    UsageError,
    build,
    load_checkpoint,
)
from ganbench_use.asked import plan_of_run
from ganbench_use.source import SampleSource

Which = Literal["ema", "raw"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoredRun:
    """A run whose weights are loaded."""

    record: RunRecord
    materials: Materials
    which: Which
    samples_seen: int
    """When the checkpoint was written."""
    weights_hash: str
    """What tells it from other checkpoints: sha256 over the evaluated weights."""

    def generate(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return what the chosen generator makes of inputs."""
        algorithm = self.materials.algorithm
        if self.which == "ema":
            return algorithm.sample(inputs, labels)
        modules = algorithm.networks.modules
        for module in modules.values():
            module.eval()
        return algorithm.networks.generate(modules, inputs, labels)

    @property
    def source(self) -> SampleSource:
        """What its samples are drawn from."""
        made = self.materials
        return SampleSource(
            name=self.record.name,
            state=f"{self.record.run_id} at {self.samples_seen / 1000:.4g} kimg",
            networks=made.networks,
            dataset=made.dataset,
            device=made.device,
            generate=self.generate,
            seed=self.record.seed,
            truncation=made.config.evaluation.truncation,
            batch_size=made.config.evaluation.batch_size,
            most_evaluated=max((one.num_generated for one in made.plan.metrics), default=0),
        )


def restore(
    manager: PluginManager,
    name: str,
    *,
    which: Which = "ema",
    metrics: tuple[str, ...] | None = (),
    truncation: float | None = None,
    device: str | None = None,
    trust_files: bool = False,
    options: Mapping[str, str] | None = None,
) -> RestoredRun:
    """Build a run again from its ``config.toml`` and load its newest checkpoint.

    Args:
        manager: the plugins.
        name: the run's folder or id.
        which: the averaged generator, or the one that was trained.
        metrics: what is to be measured; None for the run's own metrics, empty for nothing.
        truncation: of the samples that are measured; None for the run's own.
        device: where; None for the run's own.
        trust_files: run the plugin files that its configuration names although this user has never run them.
        options: where files lie now, as after ``-o``.

    Raises:
        UsageError: there is no such run, it has no checkpoint, or something of it has changed.
    """
    stored, plan = plan_of_run(manager, name, metrics=metrics, trust_files=trust_files, options=options)
    config = plan.config
    if truncation is not None:
        config = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, truncation=truncation))
    if device is not None:
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, device=device))
    materials = build(dataclasses.replace(plan, config=config), manager)
    state = load_checkpoint(stored.directory / "checkpoints", _loader(materials))
    assert state is not None
    if materials.device.type == "cpu":
        torch.set_num_threads(int(state["threads"][0]))  # another count sums in another order
    samples_seen = int(state["counters"][0])
    return RestoredRun(
        record=stored.record, materials=materials, which=which, samples_seen=samples_seen, weights_hash=_weights_hash(materials, which)
    )


def _loader(materials: Materials) -> Callable[[dict[str, Any]], None]:
    def take(state: dict[str, Any]) -> None:
        if state["data_hash"] != materials.dataset.train.content_hash:
            raise UsageError("the data have changed since the run was trained", hint="say where they are now with -o dataset.path=DIR")
        materials.algorithm.load_state_dict(state["algorithm"])

    return take


def _weights_hash(materials: Materials, which: Which) -> str:
    import hashlib

    algorithm = materials.algorithm
    modules = algorithm.evaluated_modules() if which == "ema" else algorithm.networks.modules
    digest = hashlib.sha256()
    for name in algorithm.networks.averaged:
        for key, tensor in sorted(modules[name].state_dict().items()):
            # Flat: the weight of a 1x1 convolution is contiguous in the layout of channels last, and its last stride is not 1.
            digest.update(f"{name}.{key}".encode())
            flat = tensor.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().tobytes() if tensor.ndim else str(tensor.item()).encode())
    return digest.hexdigest()

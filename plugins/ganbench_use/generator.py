"""The evaluated generator as one module, and the layout that says how it is asked.

Shapes: n samples of a batch, whatever their number.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

import ganbench
from ganbench import Latents, Materials, UsageError, stream
from ganbench_use.loader import AskedModules
from ganbench_use.restored import RestoredRun, Which

LAYOUT_VERSION = 1
_TRIED = 2
"""Samples that are asked for to see which modules take part."""


class EvaluatedGenerator(nn.Module):
    """What a run's metrics look at, from inputs to samples as networks see them, with the modules that take part and no others.

    The modules are copies on the CPU, in evaluation mode, in float32 and without gradients.

    Args:
        materials: of the run.
        which: the averaged generator, or the one that was trained.

    Raises:
        UsageError: the modules cannot be copied.
    """

    def __init__(self, materials: Materials, which: Which) -> None:
        super().__init__()
        algorithm = materials.algorithm
        modules = algorithm.evaluated_modules() if which == "ema" else algorithm.networks.modules
        self._generate = algorithm.networks.generate
        for module in modules.values():
            module.eval()
        asked, (inputs, labels) = AskedModules(modules), draw_inputs(materials, _TRIED)
        with torch.inference_mode():
            self._generate(asked, inputs.to(materials.device), None if labels is None else labels.to(materials.device))
        try:
            self.parts = copy.deepcopy(nn.ModuleDict({name: modules[name] for name in asked.names or modules}))
        except Exception as error:
            raise UsageError(f"the modules of {materials.config.title} cannot be copied: {type(error).__name__}: {error}") from error
        self.requires_grad_(False).to("cpu").to(memory_format=torch.contiguous_format)

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return samples ``[n, *size]`` float32 of inputs ``[n, ...]`` float32 and labels ``[n]`` int64."""
        return self._generate(dict(self.parts.items()), inputs, labels).float()

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


def draw_inputs(made: Materials, count: int) -> tuple[Tensor, Tensor | None]:
    """Return inputs ``[count, ...]`` float32 of a run's generator, and labels ``[count]`` int64 where it is asked by class."""
    inputs, random = made.networks.inputs, stream(made.config.training.seed, "export")
    labels = torch.arange(count) % inputs.reference(made.dataset).num_classes if inputs.labels else None
    return inputs.draw(count, random, dataset=made.dataset), labels


def layout_of(restored: RestoredRun, generator: EvaluatedGenerator) -> dict[str, Any]:
    """Return how the generator is asked and what it makes, as plain values for JSON: sizes are those of a batch of ``n``."""
    made, record = restored.materials, restored.record
    inputs = made.networks.inputs
    reference = inputs.reference(made.dataset)
    space, drawn = reference.space, draw_inputs(made, _TRIED)[0]
    asked: dict[str, Any] = {"dtype": "float32", "shape": ["n", *drawn.shape[1:]], "source": "data"}
    if isinstance(inputs, Latents):
        asked |= {"source": "latents", "distribution": inputs.distribution}
    labels = {"dtype": "int64", "shape": ["n"], "num_classes": reference.num_classes, "class_names": list(reference.class_names)}
    return {
        "version": LAYOUT_VERSION,
        "inputs": asked,
        "labels": labels if inputs.labels else None,
        "samples": {
            "dtype": "float32",
            "shape": ["n", *space.size],
            "space": space.name,
            "stored": {"dtype": str(space.stored_dtype).removeprefix("torch."), "shape": ["n", *space.stored_size]},
            "quantiser": space.quantiser,
        },
        "evaluation": {
            "dataset": record.dataset,
            "metrics": [one.name for one in made.plan.metrics],
            "seed": record.seed,
            "truncation": made.config.evaluation.truncation,
            "batch_size": made.config.evaluation.batch_size,
            "threads": torch.get_num_threads(),
        },
        "run": {
            "id": record.run_id,
            "name": record.name,
            "which": restored.which,
            "samples_seen": restored.samples_seen,
            "weights_hash": restored.weights_hash,
            "ganbench": ganbench.__version__,
            "torch": torch.__version__,
        },
        "modules": list(generator.parts),
        "parameters": generator.num_parameters,
        "settings": dict(record.config),
    }

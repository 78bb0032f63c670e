"""From the flags of ``ganbench bench step`` to settings by configuration path."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from ganbench import ArchitectureSpec, ModelSpec, PluginManager, RecipeSpec, read_pairs
from ganbench_bench.step.published import RULES

SYNTHETIC = {"dataset.name": "synthetic", "dataset.options.num_images": 1024}
"""Noise, so that nothing has to be downloaded; a step does not look at what it trains on."""
QUICK_IMAGES = 128


def settings_of(
    plugin: str,
    device: torch.device,
    *,
    dataset: str | None,
    batch_size: str | None,
    precision: str,
    options: Sequence[str] = (),
    off: tuple[str, ...] = (),
    quick: bool = False,
) -> dict[str, object]:
    """Return the settings of every loop.

    Args:
        plugin: an architecture or a recipe.
        device: where they run.
        dataset: by name; None for synthetic images.
        batch_size: as given; None for the recipe's.
        precision: fp32, tf32 or bf16.
        options: ``section.key=value`` of a plugin; without a section the architecture's.
        off: plugins that are switched off.
        quick: make few synthetic images.

    Raises:
        UsageError: an unknown plugin, or an option that is none.
    """
    made: dict[str, object] = {**RULES, "training.device": str(device), "training.total_kimg": 2000.0}
    made |= {"training.precision": "fp32" if precision == "tf32" else precision, "training.tf32": precision == "tf32"}
    made |= SYNTHETIC if dataset is None else {"dataset.name": dataset}
    if quick and dataset is None:
        made["dataset.options.num_images"] = QUICK_IMAGES
    if device.type == "cuda":
        made["training.cudnn_benchmark"] = True  # as the published loop has it
    if batch_size is not None:
        made["training.batch_size"] = batch_size
    if "conditional" in _architecture_options(plugin, off):
        made["architecture.options.conditional"] = False
    for key, value in read_pairs("-o", options).items():
        section, dot, name = key.rpartition(".")
        made[f"{section if dot else 'architecture'}.options.{name}"] = value
    return made


def _architecture_options(plugin: str, off: tuple[str, ...]) -> set[str]:
    """Return the names of the architecture's options."""
    manager = PluginManager(off=off)
    model = manager.find(ModelSpec, plugin).spec
    if isinstance(model, RecipeSpec):
        model = manager.find(ArchitectureSpec, model.architecture).spec
    return {field.name for field in dataclasses.fields(model.options)}

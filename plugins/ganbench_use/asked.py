"""What is asked for, looked up before torch is imported, which takes seconds: runs, data, metrics and weights that are there."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench import ConfigError, DatasetSpec, ExtractorSpec, MetricSpec, PluginManager, UsageError, load, plan_again, plan_metrics

if TYPE_CHECKING:
    from ganbench import ExtractorContext, Registered, RunPlan, StoredRun


def refuse_missing(
    manager: PluginManager,
    source: str,
    dataset: str | None,
    metrics: tuple[str, ...],
    context: ExtractorContext,
    *,
    trust_files: bool = False,
    options: Mapping[str, str] | None = None,
) -> None:
    """Find out whether what ``ganbench evaluate`` is asked for is there; what only its files can say is left to them.

    Raises:
        UsageError: the source, the dataset, a metric or its weights are not there.
    """
    path, (module, colon, _) = Path(source), source.rpartition(":")
    if colon and module.endswith(".py") and not os.path.isfile(module):
        raise UsageError(f"there is no file {module}", hint="write FILE.py:NAME, or MODULE:NAME")
    is_run = not colon and (any(os.path.isfile(path / mark) for mark in RUN_MARKS) or not (os.path.exists(path) or path.suffix))
    if dataset is not None:
        plan_against(manager, dataset, metrics, context)
    elif os.path.isdir(path) and not is_run:
        raise DATASET_MISSING
    elif is_run:
        plan_of_run(manager, source, metrics=metrics or None, trust_files=trust_files, options=options)
    if is_run:
        load(source)


RUN_MARKS = ("config.toml", "record.json", "partial_record.json")
"""Files of which a run's folder has one."""
WEIGHTS_SUFFIXES = (".pt", ".pth", ".pkl", ".safetensors")
DATASET_MISSING = UsageError(
    "which data are these? --dataset is missing", hint="for a folder: --dataset folder -o path=DIR -o resolution=N"
)


def plan_of_run(
    manager: PluginManager,
    name: str,
    *,
    metrics: tuple[str, ...] | None = (),
    trust_files: bool = False,
    options: Mapping[str, str] | None = None,
) -> tuple[StoredRun, RunPlan]:
    """Return a run that has a checkpoint, and its plan with what is to be measured; see :func:`ganbench_use.restored.restore`.

    Raises:
        UsageError: there is no such run, it has no checkpoint, or what it needs is not there.
    """
    stored = load(name)
    if not os.path.isfile(stored.directory / "config.toml"):
        raise UsageError(f"{stored.directory} holds no config.toml, so nothing can be generated again", hint="give a run's whole folder")
    plan = plan_again(manager, stored.directory / "config.toml", trust_files=trust_files, options=options)
    if metrics is not None:
        plan = dataclasses.replace(plan, metrics=_planned(manager, metrics, plan.dataset.spec))
    checkpoints = stored.directory / "checkpoints"
    if not os.path.isdir(checkpoints) or not any(checkpoints.glob("*.pt")):
        raise UsageError(f"{stored.directory} has no checkpoint", hint="its samples/ are all that is left of what it generated")
    plan.find_files(manager)
    return stored, plan


def plan_against(
    manager: PluginManager, dataset: str, names: tuple[str, ...], context: ExtractorContext
) -> tuple[Registered[DatasetSpec], tuple[Any, ...]]:
    """Return a dataset and the metrics by which samples are measured against it, whose weights are found or downloaded.

    Args:
        manager: the plugins.
        dataset: its name.
        names: of the metrics; empty for the dataset's own.
        context: what the extractors are given.

    Raises:
        UsageError: an unknown name, a metric that needs more than samples, or weights that are missing.
    """
    registered = manager.find(DatasetSpec, dataset)
    planned = _planned(manager, names or registered.spec.metrics, registered.spec)
    if not planned:
        raise ConfigError(f"the dataset {dataset} names no metric of its own", hint="choose with --metric, as in fid10k")
    for one in planned:
        if one.spec.looks_at in ("targets", "scores"):
            hint = "it is measured on a run, without --dataset"
            raise ConfigError(f"metric {one.name!r} looks at {one.spec.looks_at}, which these samples have not", hint=hint)
    for name in dict.fromkeys(one.extractor_name for one in planned if one.extractor_name):
        module, _, attribute = manager.find(ExtractorSpec, name).spec.find_weights.partition(":")
        if module:
            getattr(importlib.import_module(module), attribute)(context)
    return registered, planned


def _planned(manager: PluginManager, names: Iterable[str], dataset: DatasetSpec) -> tuple[Any, ...]:
    families = {one.spec.name: one.spec for one in manager.specs(MetricSpec)}
    extractors = {one.spec.name: one.spec for one in manager.specs(ExtractorSpec)}
    return plan_metrics(names, families, extractors, dataset.extractor)

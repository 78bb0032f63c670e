"""From the metrics of a run to what measures them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from ganbench.cache import cache_directory
from ganbench.data.source import Dataset, Targets
from ganbench.errors import ConfigError
from ganbench.evaluation.evaluator import Evaluator, Scorer
from ganbench.evaluation.protocol import Extractor, Metric
from ganbench.evaluation.reference_cache import ReferenceCache
from ganbench.plugin.factory import check_made, source_hash
from ganbench.plugin.manager import PluginManager
from ganbench.run.plan import RunPlan
from ganbench.spec import MetricSpec
from ganbench.training.algorithm import Algorithm
from ganbench.training.inputs import FromData
from ganbench.training.networks import Networks
from ganbench.training.seeding import stream

SAMPLES = "evaluation"
"""The purpose of the stream that the samples which are measured are drawn from."""


def reference_cache() -> ReferenceCache:
    """Return the cache of references of this user; what other code of an extractor or a metric computed is not taken from it."""
    return ReferenceCache(cache_directory(), lambda one: source_hash(type(one).__module__))


def build_evaluator(
    plan: RunPlan, manager: PluginManager, extractors: Mapping[str, Extractor], dataset: Dataset, networks: Networks, device: torch.device
) -> Evaluator:
    """Build the metrics, and make or load what they are measured against.

    Raises:
        ConfigError: a metric that does not suit the dataset or the networks.
    """
    config, planned, inputs = plan.config, plan.metrics, networks.inputs
    scoring = [p.name for p in planned if p.spec.looks_at == "scores"]
    if scoring and not networks.scorers:
        raise ConfigError(
            f"metric {scoring[0]!r} looks at scores, and {config.architecture.name} gives none",
            hint="it is for networks with scorers, as a detector has",
        )
    given = {choice.name: choice.options for choice in config.metrics}
    metrics: dict[str, Metric] = {}
    for one in planned:
        metrics[one.name] = manager.find(MetricSpec, one.spec.name).build(given.get(one.spec.name) or one.spec.options())
        check_made(metrics[one.name], Metric, f"metric {one.spec.name!r} must return a")
    evaluator = Evaluator(
        planned,
        metrics,
        extractors,
        inputs.reference(dataset),
        device=str(device),
        batch_size=config.evaluation.batch_size,
        cache=reference_cache(),
        conditional=inputs.labels,
        source=dataset,
        targets=_targets(plan, dataset, networks),
        truncation=config.evaluation.truncation,
    )
    evaluator.prepare()
    return evaluator


def _targets(plan: RunPlan, dataset: Dataset, networks: Networks) -> Targets | None:
    """Return what the samples should be, where a metric looks at that; samples and targets are drawn alike, for the run's largest count.

    Raises:
        ConfigError: the networks' inputs have no right answer.
    """
    looking = [p.name for p in plan.metrics if p.spec.looks_at == "targets"]
    if not looking:
        return None
    inputs = networks.inputs
    if not isinstance(inputs, FromData) or inputs.targets is None:
        raise ConfigError(
            f"metric {looking[0]!r} compares samples with their targets, and {plan.config.architecture.name} has none",
            hint="it is for a translation from pairs",
        )
    count = max(p.num_generated for p in plan.metrics)
    return inputs.targets(dataset, count, stream(plan.config.training.seed, SAMPLES))


def scorers_of(algorithm: Algorithm, dataset: Dataset, device: torch.device) -> dict[str, Scorer]:
    """Return what the networks say of stored samples, by name, with their modules as they are evaluated."""

    def score(name: str, stored: Tensor) -> Tensor:
        return algorithm.score(name, dataset.space.to_network(dataset.space.arrange(stored).to(device)))

    return {name: partial(score, name) for name in algorithm.networks.scorers}

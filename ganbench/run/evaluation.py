"""From the metrics of a run to what measures them: against the reference by features, and against each sample's own target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ganbench.cache import cache_directory
from ganbench.config.model import RunConfig
from ganbench.data.source import Dataset
from ganbench.errors import ConfigError
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.paired import EvaluatorLike, Evaluators, PairedEvaluator
from ganbench.evaluation.protocol import Extractor
from ganbench.evaluation.reference_cache import ReferenceCache
from ganbench.plugin.manager import PluginManager
from ganbench.run.plan import RunPlan
from ganbench.spec import MetricSpec
from ganbench.training.networks import Networks, Translation
from ganbench.training.seeding import stream

SAMPLES = "evaluation"
"""The purpose of the stream that the samples which are measured are drawn from."""


def build_evaluator(
    plan: RunPlan,
    manager: PluginManager,
    extractors: Mapping[str, Extractor],
    dataset: Dataset,
    networks: Networks,
    device: torch.device,
) -> EvaluatorLike:
    """Build the metrics, and make or load what they are measured against.

    Raises:
        ConfigError: a metric that does not suit the dataset or the networks.
    """
    config, planned, translation = plan.config, plan.metrics, networks.translation
    given = {choice.name: choice.options for choice in config.metrics}
    metrics = {p.name: manager.find(MetricSpec, p.spec.name).build(given.get(p.spec.name) or p.spec.options()) for p in planned}
    parts: list[EvaluatorLike] = []
    on_features = tuple(p for p in planned if not p.spec.paired)
    if on_features:
        evaluator = Evaluator(
            on_features,
            metrics,
            extractors,
            dataset if translation is None else translation.reference(dataset),
            device=str(device),
            batch_size=config.evaluation.batch_size,
            cache=ReferenceCache(cache_directory()),
            conditional=networks.conditional,
        )
        evaluator.prepare()
        parts.append(evaluator)
    if len(on_features) < len(planned):
        parts.append(_paired(config, planned, metrics, dataset, translation))
    return parts[0] if len(parts) == 1 else Evaluators(parts)


def _paired(
    config: RunConfig, planned: tuple[PlannedMetric, ...], metrics: Mapping[str, Any], dataset: Dataset, translation: Translation | None
) -> PairedEvaluator:
    """Build what compares each sample with its target; samples and targets are drawn alike, for the largest count of the run."""
    paired = [p for p in planned if p.spec.paired]
    if translation is None or translation.targets is None:
        raise ConfigError(
            f"metric {paired[0].name!r} compares images with their targets, and {config.architecture.name} has none",
            hint="it is for a translation from pairs",
        )
    count = max(p.num_generated for p in planned)
    targets = translation.targets(dataset, count, stream(config.training.seed, SAMPLES))
    source = dataset.train if dataset.test is None else dataset.test
    return PairedEvaluator(paired, metrics, targets, source, config.evaluation.batch_size)

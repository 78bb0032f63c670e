"""Frozen samples: generated images that ship with a plugin, and what every metric said of them when they were made.

They hold still what a training run changes. Scored again they must give the stored values; where they do not, the metric has drifted (its
arithmetic, its extractor, its reference images, or a library below them), and no change of a model's quality can be trusted.

Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganbench.data.source import DataContext, Dataset
from ganbench.errors import PluginError
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import PlannedMetric, plan_metrics
from ganbench.evaluation.protocol import Extractor, Metric
from ganbench.plugin.manager import PluginManager
from ganbench.record.record import Key, MetricValue, Scalar
from ganbench.spec import DatasetSpec, ExtractorContext, ExtractorSpec, MetricSpec

_BATCH_SIZE = 250


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenScore:
    """What one metric says of frozen samples."""

    metric: str
    """Its full name: ``fd500_digits``."""
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Options of the metric that are not the default."""
    values: Mapping[str, float] = field(default_factory=dict)
    """By the name of the quantity: ``precision500_digits``."""
    key: Mapping[str, Scalar] = field(default_factory=dict)
    """The fields of the evaluation key under which they were measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenSamples:
    """What a factory of frozen samples returns."""

    images: Tensor
    """``[N, C, H, W]`` uint8 in [0, 255]."""
    dataset: str
    """The dataset that they imitate, with its default options; its train split is the reference."""
    scores: tuple[FrozenScore, ...]

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or not len(self.images):
            raise ValueError(f"images must be uint8 [N, C, H, W], N of 1 or more (got {self.images.dtype} {list(self.images.shape)})")
        if not self.scores:
            raise ValueError("scores must be of one metric or more (got none)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescored:
    """What one metric says now, beside what is stored."""

    stored: FrozenScore
    values: tuple[MetricValue, ...]
    """One for each quantity."""
    key: Key

    def differences(self) -> tuple[tuple[str, Scalar, Scalar], ...]:
        """Return (field, stored, now) for each field of the evaluation key that is another one now."""
        return Key.of(**dict(self.stored.key)).differences(self.key)


def rescore(
    samples: FrozenSamples, manager: PluginManager, *, device: str = "cpu", data: DataContext | None = None
) -> tuple[Rescored, ...]:
    """Score frozen samples with the metrics, the extractors and the reference images that are here now; no cache is read.

    Args:
        samples: the images and which metrics.
        manager: finds all that.
        device: where the extractors run.
        data: where the reference images lie, and whether the network may be asked for them or for weights; None for the default.

    Raises:
        UsageError: a plugin, its data or its weights are missing or damaged.
        PluginError: a metric wants more images than there are.
    """
    registered = manager.find(DatasetSpec, samples.dataset)
    assert isinstance(registered.spec, DatasetSpec)
    data = data or DataContext()
    dataset: Dataset = registered.build(registered.spec.options(), data)
    planned = _planned(samples, manager, registered.spec.extractor)
    metrics = {p.name: _metric(p, score, manager) for p, score in zip(planned, samples.scores, strict=True)}
    extractors = _extractors(planned, manager, ExtractorContext(device=device, download=data.download))
    evaluator = Evaluator(planned, metrics, extractors, dataset, device=device, batch_size=_BATCH_SIZE, floors=False)
    values = iter(evaluator.evaluate(lambda start, count: samples.images[start : start + count]))
    return tuple(
        Rescored(stored=score, values=tuple(_take(values, len(p.quantities))), key=key)
        for p, score, key in zip(planned, samples.scores, evaluator.keys(), strict=True)
    )


def _planned(samples: FrozenSamples, manager: PluginManager, extractor: str) -> tuple[PlannedMetric, ...]:
    """Return the metrics of the stored scores, in their order."""
    metrics = {r.spec.name: r.spec for r in manager.specs(MetricSpec)}
    extractors = {r.spec.name: r.spec for r in manager.specs(ExtractorSpec)}
    planned = plan_metrics([score.metric for score in samples.scores], metrics, extractors, extractor)
    if len(planned) < len(samples.scores):
        raise PluginError(f"frozen samples of {samples.dataset!r} name one metric twice: {', '.join(s.metric for s in samples.scores)}")
    for one in planned:
        if one.num_generated > len(samples.images):
            raise PluginError(f"{one.name} wants {one.num_generated} images, and there are {len(samples.images)} frozen samples")
    return planned


def _metric(planned: PlannedMetric, score: FrozenScore, manager: PluginManager) -> Metric:
    metric: Metric = manager.find(MetricSpec, planned.spec.name).build(planned.spec.options(**score.options))
    return metric


def _extractors(planned: Iterable[PlannedMetric], manager: PluginManager, context: ExtractorContext) -> dict[str, Extractor]:
    """Build each extractor once."""
    found = {p.extractor_name: manager.find(ExtractorSpec, p.extractor_name) for p in planned if p.extractor_name}
    return {name: registered.build(registered.spec.options(), context) for name, registered in found.items()}


def _take(values: Iterator[MetricValue], count: int) -> Iterator[MetricValue]:
    for _ in range(count):
        yield next(values)

"""What a metric, an extractor and frozen samples promise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganbench import ExtractorContext, FrozenSamples, MetricSpec, MetricValue, Needs
from ganbench.errors import GanbenchError
from ganbench.evaluation.evaluator import Evaluator
from ganbench.run.build import Materials
from ganbench.testing.frozen import rescore
from ganbench.testing.promise import Broken, NotClaimed, Subject, promise
from ganbench.testing.trial import PARTNER, PARTNER_WITH_LABELS, Trial

_COUNT = 64
_TOLERANCE = 1e-3
"""Relative, between a stored score of frozen samples and today's."""
_MEMBERS = ("implementation", "needs", "least_samples", "parameters", "compute")


@promise("metric")
def it_has_what_a_metric_has(subject: Subject) -> None:
    """It says its implementation, what it looks at, the fewest samples, and every parameter that changes its value."""
    metric: Any = subject.build()
    missing = [name for name in _MEMBERS if not hasattr(metric, name)]
    if missing:
        raise Broken(f"the metric has no {missing[0]}", remedy="see ganbench.Metric for what a metric has")
    if not isinstance(metric.needs, Needs):
        raise Broken(f"needs is a {type(metric.needs).__name__}", remedy="return a ganbench.Needs")
    parameters = metric.parameters()
    wrong = [name for name, value in parameters.items() if not isinstance(value, (str, int, float))]
    if wrong:
        raise Broken(
            f"the parameter {wrong[0]} is a {type(parameters[wrong[0]]).__name__}",
            remedy="parameters are text and numbers: they stand in the evaluation key",
        )
    spec = subject.spec
    if isinstance(spec, MetricSpec) and not spec.quantities:
        raise Broken("the spec names no quantity", remedy="give one ganbench.Quantity for each number that compute returns")


def measured(subject: Subject) -> tuple[Materials, Callable[[Callable[[int, int], Tensor]], tuple[MetricValue, ...]]]:
    """Return a run with the metric, and what measures samples by it.

    Raises:
        NotClaimed: it looks at something that samples alone do not have, or that the trial's dataset does not.
    """
    spec = subject.registered.spec
    assert isinstance(spec, MetricSpec)
    if spec.looks_at in ("targets", "scores"):
        raise NotClaimed(f"it looks at {spec.looks_at}, which samples alone do not have")
    dataset = Trial(subject).materials.dataset
    if spec.spaces and dataset.space.name not in spec.spaces:
        raise NotClaimed(f"it looks at {' or '.join(spec.spaces)}, and the trial's dataset holds {dataset.space.unit}")
    metric: Any = subject.build()
    if metric.needs.generator:
        raise NotClaimed("it asks the generator itself, which samples alone do not have")
    count = max(_COUNT, metric.least_samples)
    if count > dataset.train.num_samples:
        raise NotClaimed(f"it looks at {count} samples or more, and the trial's dataset has {dataset.train.num_samples}")
    settings = {"evaluation.metrics": (f"{spec.name}{count}",), "evaluation.batch_size": _COUNT // 2}
    trial = Trial(subject, PARTNER_WITH_LABELS if metric.needs.labels else PARTNER, **settings)
    materials, evaluator = trial.materials, trial.materials.evaluator
    assert isinstance(evaluator, Evaluator)
    labels = materials.dataset.train.labels
    evaluator.prepare()
    return materials, lambda generate: evaluator.evaluate(generate, None if labels is None else labels[:count])


def _real(materials: Materials) -> Callable[[int, int], Tensor]:
    return lambda start, count: materials.dataset.train.read(torch.arange(start, start + count))


def _noise(materials: Materials) -> Callable[[int, int], Tensor]:
    space = materials.dataset.space

    def generate(start: int, count: int) -> Tensor:
        random = torch.Generator().manual_seed(start)
        return space.to_stored(2 * torch.randn((count, *space.size), generator=random))

    return generate


def _one(materials: Materials) -> Callable[[int, int], Tensor]:
    return lambda start, count: materials.dataset.train.read(torch.zeros(count, dtype=torch.int64))


@promise("metric")
def it_measures_samples(subject: Subject) -> None:
    """Of real samples it returns a finite number for each of its quantities, the same each time."""
    materials, measure = measured(subject)
    values, again = measure(_real(materials)), measure(_real(materials))
    for value, other in zip(values, again, strict=True):
        if not math.isfinite(value.value):
            raise Broken(f"{value.name} of real samples is {value.value}", remedy="look at divisions by zero and at logarithms")
        if value.value != other.value:
            raise Broken(
                f"{value.name} of the same samples is {value.value:.6g} and then {other.value:.6g}",
                remedy="draw from a generator with a fixed seed, and name it in parameters()",
            )


@promise("metric")
def real_samples_are_better_than_noise(subject: Subject) -> None:
    """Its first quantity, by which runs are ranked, prefers real samples to noise, or to one of them over and over."""
    if getattr(subject.build(), "needs", Needs()).held_out == "control":
        raise NotClaimed("it compares samples with those that were trained on, whose copies are the worst, and noise is none")
    materials, measure = measured(subject)
    real, noise = measure(_real(materials))[0], measure(_noise(materials))[0]
    others = {"noise": noise.value}
    if noise.value == real.value:  # it may look at variety alone
        others["one sample over and over"] = measure(_one(materials))[0].value
    if not any(real.value > other if real.higher_is_better else real.value < other for other in others.values()):
        way = "higher" if real.higher_is_better else "lower"
        what = " and ".join(f"{other:.4g} of {name}" for name, other in others.items())
        raise Broken(
            f"{real.name} is {real.value:.4g} of real samples and {what}, and {way} is said to be better",
            remedy="check higher_is_better and the order of real and fake in compute",
        )


@promise("extractor")
def its_features_are_what_it_says(subject: Subject) -> None:
    """It returns finite float32 features [N, dims] for each member, the same for a sample whatever is beside it."""
    extractor: Any = subject.build(ExtractorContext())
    for name in ("extractor_id", "preprocessing_id", "weights_hash", "dims", "num_members", "spaces"):
        if not hasattr(extractor, name):
            raise Broken(f"the extractor has no {name}", remedy="see ganbench.Extractor for what an extractor has")
    dataset = Trial(subject).materials.dataset
    if extractor.spaces and dataset.space.name not in extractor.spaces:
        raise NotClaimed(f"it takes {' or '.join(extractor.spaces)}, and the trial's dataset holds {dataset.space.unit}")
    stored = dataset.train.read(torch.arange(8))
    with torch.inference_mode():
        found, few = extractor.extract(stored), extractor.extract(stored[:3])
    if len(found) != extractor.num_members:
        raise Broken(f"it returns {len(found)} members and says {extractor.num_members}", remedy="return one Features for each member")
    for all_of, some in zip(found, few, strict=True):
        if list(all_of.features.shape) != [8, extractor.dims] or all_of.features.dtype != torch.float32:
            what = f"features are {list(all_of.features.shape)} {all_of.features.dtype}, and dims is {extractor.dims}"
            raise Broken(what, remedy="return float32 [N, dims]")
        if not bool(all_of.features.isfinite().all()):
            raise Broken("features hold NaN or Inf", remedy="look at the preprocessing: samples come as they are stored")
        if not torch.allclose(all_of.features[:3], some.features, rtol=1e-3, atol=1e-4):
            raise Broken(
                "the features of a sample depend on what is beside it in the batch",
                remedy="put the network into evaluation mode: module.eval()",
            )


@promise("frozen")
def its_scores_are_what_is_stored(subject: Subject) -> None:
    """Scored again, every metric gives the value that was stored."""
    samples: Any = subject.build()
    if not isinstance(samples, FrozenSamples):
        raise Broken(f"the factory returns a {type(samples).__name__}", remedy="return a ganbench.FrozenSamples")
    try:
        found = rescore(samples, subject.manager)
    except GanbenchError as error:
        raise Broken(error.what, remedy=error.hint or "name a dataset, metrics and extractors that are installed") from None
    for one in found:
        now = {value.name: value.value for value in one.values}
        for name, stored in one.stored.values.items():
            if name not in now or not math.isclose(now[name], stored, rel_tol=_TOLERANCE, abs_tol=1e-6):
                raise Broken(
                    f"{name} is {now.get(name)} and {stored} is stored", remedy="freeze the scores again, or find out what has changed"
                )

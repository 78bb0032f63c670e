"""The evaluation key: everything that a metric's value depends on besides what is measured."""

from __future__ import annotations

from collections.abc import Mapping

from ganbench.data.source import Source
from ganbench.data.space import Space
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.protocol import Extractor, Metric
from ganbench.record.record import Key, Scalar

_SEED_POLICY = "fixed-latents-of-the-run"
"""Every evaluation of a run looks at the same latents, which follow from the run's seed."""
REFERENCE_SPLIT = "train"
HELD_OUT_SPLIT = "test"


def evaluation_key(planned: PlannedMetric, metric: Metric, parts: Mapping[str, Scalar]) -> Key:
    """Return the key of one metric.

    Args:
        planned: name and count.
        metric: implementation and parameters; ``ddof`` is one of the parameters of a metric that has one.
        parts: what the samples depend on that it looks at: fields of the functions below.
    """
    parameters = {f"parameter.{name}": value for name, value in metric.parameters().items()}
    return Key.of(**parameters, **parts, metric=planned.name, implementation=metric.implementation, num_generated=planned.num_generated)


def extractor_fields(extractor: Extractor | None) -> dict[str, Scalar]:
    """Return what features depend on, besides the samples; without an extractor a metric looks at the samples as they are."""
    if extractor is None:
        return {"extractor": "none", "weights_hash": "", "preprocessing": "none"}
    return {"extractor": extractor.extractor_id, "weights_hash": extractor.weights_hash, "preprocessing": extractor.preprocessing_id}


def reference_fields(real: Source, split: str) -> dict[str, Scalar]:
    """Return which real samples there are, and how many.

    Args:
        real: the samples.
        split: which they are of the dataset; empty where the key does not say.
    """
    fields: dict[str, Scalar] = {"reference_hash": real.content_hash, "num_reference": real.num_samples}
    return {**fields, "reference_split": split} if split else fields


def generated_fields(space: Space, truncation: float) -> dict[str, Scalar]:
    """Return what generated samples depend on, besides the networks; a key says nothing of a truncation that there is not."""
    fields: dict[str, Scalar] = {"quantiser": space.quantiser, "seed_policy": _SEED_POLICY}
    return {**fields, "truncation": truncation} if truncation else fields

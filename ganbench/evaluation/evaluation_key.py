"""The evaluation key: everything that a metric's value depends on besides the generated images."""

from __future__ import annotations

from ganbench.data.source import Source
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.protocol import Extractor, Metric
from ganbench.evaluation.quantize import QUANTISER_ID
from ganbench.record.record import Key, Scalar

SEED_POLICY = "fixed-latents-of-the-run"
"""Every evaluation of a run looks at the same latents, which follow from the run's seed."""
REFERENCE_SPLIT = "train"
HELD_OUT_SPLIT = "test"


def evaluation_key(
    planned: PlannedMetric,
    metric: Metric,
    extractor: Extractor,
    reference: Source,
    *,
    split: str = REFERENCE_SPLIT,
    points: bool = False,
) -> Key:
    """Return the key of one metric.

    Args:
        planned: name and count.
        metric: implementation and parameters; ``ddof`` is one of the parameters of a metric that has one.
        extractor: network, weights and preprocessing.
        reference: the real images.
        split: which they are of the dataset.
        points: whether they are points, which are not quantised.
    """
    fields: dict[str, Scalar] = {f"parameter.{name}": value for name, value in metric.parameters().items()}
    return Key.of(
        **fields,
        **extractor_fields(extractor),
        metric=planned.name,
        implementation=metric.implementation,
        quantiser="none" if points else QUANTISER_ID,
        num_generated=planned.num_generated,
        seed_policy=SEED_POLICY,
        **reference_fields(reference, split),
    )


def extractor_fields(extractor: Extractor) -> dict[str, Scalar]:
    """Return what features depend on, besides the images."""
    return {
        "extractor": extractor.extractor_id,
        "weights_hash": extractor.weights_hash,
        "preprocessing": extractor.preprocessing_id,
    }


def reference_fields(reference: Source, split: str) -> dict[str, Scalar]:
    """Return which real images there are, and how many."""
    return {
        "reference_hash": reference.content_hash,
        "reference_split": split,
        "num_reference": reference.num_samples,
    }

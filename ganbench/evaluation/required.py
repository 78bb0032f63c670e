"""What a metric needs of a feature set, or the reason why it is not there.

Shapes: N images, K classes.
"""

from __future__ import annotations

from torch import Tensor

from ganbench.errors import UnsuitableError
from ganbench.evaluation.protocol import SampleSet


def logits_of(side: SampleSet, metric: str) -> Tensor:
    """Return a set's logits, ``[N, K]`` float32.

    Args:
        side: real or generated images.
        metric: what the message calls the metric.

    Raises:
        UnsuitableError: the extractor has no classes.
    """
    if side.logits is None:
        raise UnsuitableError(f"{metric} needs an extractor with classes", hint="choose another extractor or another metric")
    return side.logits


def labels_of(side: SampleSet) -> Tensor:
    """Return a set's labels, ``[N]`` int64.

    Raises:
        ValueError: they were not kept: the caller ignored ``Metric.needs``.
    """
    if side.labels is None:
        raise ValueError("this metric needs labels, and the feature set holds none")
    return side.labels

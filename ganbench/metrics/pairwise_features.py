"""The features for the metrics that compare every image with every other, where their arithmetic is fastest."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.metrics.protocol import FeatureSet


def pairwise_features(images: FeatureSet) -> Tensor:
    """Return a set's features, ``[N, D]`` float32, on the GPU when there is one.

    Raises:
        ValueError: they were not kept: the caller ignored ``Metric.needs``.
    """
    if images.features is None:
        raise ValueError("this metric needs the features of every image, but the feature set holds only their statistics")
    return images.features.to("cuda" if torch.cuda.is_available() else "cpu")

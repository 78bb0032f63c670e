"""Improved precision and recall.

Kynkaanniemi et al. (2019), https://arxiv.org/abs/1904.06991, equations 1 and 2. A set's support is the union of balls, one around
each of its samples, that reach to the k-th nearest neighbour (border included). Precision is the part of the generated samples in the
support of the real ones; recall is the part of the real samples in the support of the generated ones. Agrees with torch-fidelity, in
float64.
"""

from __future__ import annotations

from torch import Tensor

from ganbench_metrics import PrecisionRecallOptions
from ganbench_metrics.neighbours import NeighbourMetric, in_any, squared_radii


def precision_recall(real: Tensor, fake: Tensor, num_neighbours: int) -> tuple[float, float]:
    """Return precision and recall, each in [0, 1].

    Args:
        real: ``[N, D]`` float32.
        fake: ``[M, D]`` float32, on the same device.
        num_neighbours: k.

    Raises:
        ConfigError: k is not below the number of samples on each side.
    """
    precision = _part_inside(fake, real, squared_radii(real, num_neighbours))
    recall = _part_inside(real, fake, squared_radii(fake, num_neighbours))
    return precision, recall


def _part_inside(queries: Tensor, centres: Tensor, radii: Tensor) -> float:
    """Return the part of the queries that lie in at least one ball."""
    return int(in_any(queries, centres, radii, border=True).sum()) / len(queries)


def build_precision_recall(options: PrecisionRecallOptions) -> NeighbourMetric:
    """Build the metric from its options; see :func:`precision_recall`."""
    return NeighbourMetric(options.num_neighbours, "precision-recall-1", precision_recall)

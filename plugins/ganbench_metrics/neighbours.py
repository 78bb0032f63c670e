"""Exact nearest neighbours between two sets of features, in blocks: memory is O(block x N), never O(N^2).

Squared Euclidean distances in float64. Nothing is centred, so distances between features with integer values are exact and so are ties.

Shapes: N points, B rows of a block, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet

BLOCK_ELEMENTS = 2**22
"""Distances in one block: 32 MiB in float64."""


@dataclass(frozen=True, slots=True)
class NeighbourMetric:
    """A metric of two numbers, from the distances of features to their nearest neighbours."""

    num_neighbours: int
    implementation: str
    measure: Callable[[Tensor, Tensor, int], tuple[float, float]]
    """Of real features, generated ones and the number of neighbours."""
    needs: ClassVar[Needs] = Needs(statistics=False, features=True)

    @property
    def least_samples(self) -> int:
        """A sample and its neighbours."""
        return self.num_neighbours + 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"num_neighbours": self.num_neighbours}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return both numbers."""
        return self.measure(pairwise_features(real), pairwise_features(fake), self.num_neighbours)


def squared_distance_blocks(queries: Tensor, points: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield the squared distances from some queries to all points, a block of queries at a time.

    Args:
        queries: ``[M, D]``.
        points: ``[N, D]``, on the same device.

    Yields:
        The index of the block's first query, and ``[B, N]`` float64, 0 or more.
    """
    targets = points.to(torch.float64)
    target_norms = targets.square().sum(dim=1)
    rows = max(1, BLOCK_ELEMENTS // max(1, len(points)))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows].to(torch.float64)
        distances = torch.addmm(target_norms, block, targets.T, alpha=-2.0)
        yield start, distances.add_(block.square().sum(dim=1, keepdim=True)).clamp_(min=0.0)


def squared_radii(points: Tensor, num_neighbours: int) -> Tensor:
    """Return the squared distance from each point to its k-th nearest neighbour among the others.

    Args:
        points: ``[N, D]``.
        num_neighbours: k.

    Returns:
        ``[N]`` float64.

    Raises:
        ConfigError: k is not below N.
    """
    if num_neighbours >= len(points):
        raise ConfigError(
            f"num_neighbours must be at most {len(points) - 1}, the other images of the smaller side (got {num_neighbours})",
            hint="lower num_neighbours or evaluate more images",
        )
    return torch.cat([_smallest(start, block, num_neighbours) for start, block in squared_distance_blocks(points, points)])


def _smallest(start: int, distances: Tensor, num_neighbours: int) -> Tensor:
    """Return the k-th smallest of each row, the point's own distance left out by its index (rounding need not make it zero)."""
    distances.diagonal(offset=start).fill_(torch.inf)
    return distances.topk(num_neighbours, dim=1, largest=False).values[:, -1]


def pairwise_features(images: SampleSet) -> Tensor:
    """Return a set's features, ``[N, D]`` float32, on the GPU when there is one.

    Raises:
        ValueError: they were not kept: the caller ignored ``Metric.needs``.
    """
    if images.features is None:
        raise ValueError("this metric needs the features of every image, but the sample set holds only their statistics")
    return images.features.to("cuda" if torch.cuda.is_available() else "cpu")

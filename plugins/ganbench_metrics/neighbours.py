"""Exact nearest neighbours between two sets of features, in tiles: memory is never O(N^2).

Squared Euclidean distances in float64. Nothing is centred, so distances between features with integer values are exact and so are ties.
A product of matrices rounds one pair of points in several ways, by their places; whatever lies that near to a border is therefore computed
again from the differences, which rounds it in one way. So the copy of a point lies on the border on which the point lies.

On a CPU the nearest are found in float32, by a product of matrices whose error is bounded (margins.py), and float64 decides the rest: the
results are the same bits. Where too much is left, as between points that are nearly one, rows are computed in float64, in blocks of
:data:`BLOCK_ELEMENTS`. Their large tensors are made once and used again by the next block: made anew they cost more than their
own size, for a C library that keeps freed memory puts small results, which stay, between them, and the next one no longer fits where the
last one was.

Shapes: N points, M queries, B rows of a block or tile, C columns of a tile, D feature dimensions, P pairs, k neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganbench import ConfigError, SampleSet
from ganbench_metrics.margins import Margins, can_bound

BLOCK_ELEMENTS = 2**22
"""Distances in one block: 32 MiB in float64."""
_EPSILON = torch.finfo(torch.float64).eps
_SPARE = 4
"""How many more neighbours than k are looked at in float64."""


class _Distances:
    """The squared distances from some queries to all points.

    Args:
        queries: ``[M, D]``.
        points: ``[N, D]``, on the same device.
    """

    def __init__(self, queries: Tensor, points: Tensor) -> None:
        self._queries, self._points = queries, points.to(torch.float64)
        self._norms = [torch.cat([part.double().square().sum(dim=1) for part in side.split(1024)]) for side in (queries, points)]
        self._names = [_names(queries), _names(points)]
        largest = sum(float(norms.max()) if len(norms) else 0.0 for norms in self._norms)
        self._rounding = 2 * (points.shape[1] + 8) * _EPSILON * largest
        shape = min(len(queries), max(1, BLOCK_ELEMENTS // max(1, len(points)))), len(points)
        self._block, self._scratch = (self._points.new_empty(shape) for _ in range(2))
        self._copies, self._flags = (torch.empty(shape, dtype=torch.bool, device=points.device) for _ in range(2))

    def blocks(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the index of each block's first query, ``[B, N]`` float64, 0 or more, and which pairs are a point and its copy.

        Both tensors hold until the next block.
        """
        for start in range(0, len(self._queries), max(1, len(self._block))):
            part = slice(start, start + len(self._block))
            queries = self._queries[part].double()
            block, copies = self._block[: len(queries)], self._copies[: len(queries)]
            torch.addmm(self._norms[1], queries, self._points.T, alpha=-2.0, out=block)
            block.add_(self._norms[0][part, None]).clamp_(min=0.0)
            torch.eq(self._names[0][part, None], self._names[1], out=copies)
            yield start, block.masked_fill_(copies, 0.0), copies

    def exact(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the distances of some pairs, ``[P]``; see :func:`squared_distances`."""
        return squared_distances(self._queries, self._points, rows, columns)

    def near(self, start: int, block: Tensor, copies: Tensor, borders: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the row in the block, the column and the exact distance of each pair that rounding might bring across a border.

        Args:
            start: the block's first query.
            block: its distances; those at infinity are left out.
            copies: of its pairs, which are left out: their distance is exact.
            borders: of each pair, ``[B, 1]`` or ``[N]``.
        """
        away, are_near = self._scratch[: len(block)], self._flags[: len(block)]
        torch.le(torch.sub(block, borders, out=away).abs_(), self._rounding, out=are_near)
        rows, columns = torch.gt(are_near, copies, out=are_near).nonzero(as_tuple=True)
        return rows, columns, self.exact(rows + start, columns)

    def certainly_below(self, block: Tensor, borders: Tensor) -> Tensor:
        """Return which distances no rounding could have brought below a border; this holds until the next call."""
        return torch.lt(block, borders - self._rounding, out=self._flags[: len(block)])


def _names(points: Tensor) -> Tensor:
    """Return a number for each point, ``[N]`` int64, that its copies have and, but for an accident in 2^64, no other point."""
    bits = (points.float() + 0.0).contiguous().view(torch.int32).to(torch.int64)  # -0.0 is 0.0
    factors = torch.randint(-(2**62), 2**62, bits.shape[1:], generator=torch.Generator().manual_seed(0)) * 2 + 1
    return (bits * factors.to(bits.device)).sum(dim=1)


def squared_distances(queries: Tensor, points: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the distances of some pairs, ``[P]`` float64: the same bits whatever pairs stand beside them, and whichever point comes first.

    Args:
        queries: ``[M, D]``.
        points: ``[N, D]``.
        rows: of the queries, ``[P]``.
        columns: of the points, ``[P]``.
    """
    pieces = zip(*(torch.split(side, max(1, BLOCK_ELEMENTS // points.shape[1])) for side in (rows, columns)), strict=True)
    return torch.cat([_halved((queries[r].double() - points[c].double()).square_()) for r, c in pieces])


def _halved(terms: Tensor) -> Tensor:
    """Return the sum of each row of ``[P, D]``, in an order that depends on D alone."""
    while terms.shape[1] > 1:
        half = terms.shape[1] // 2
        terms = torch.cat([terms[:, :half] + terms[:, half : 2 * half], terms[:, 2 * half :]], dim=1)
    return terms[:, 0]


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
            f"num_neighbours must be at most {len(points) - 1}, the other samples of the smaller side (got {num_neighbours})",
            hint="lower num_neighbours or evaluate more samples",
        )
    radii = torch.zeros(len(points), dtype=torch.float64, device=points.device)
    rows = torch.arange(len(points), device=points.device)
    if can_bound(points):
        rows = _candidates_radii(points, num_neighbours, radii)
    distances = _Distances(points[rows], points) if len(rows) else None
    for start, block, copies in distances.blocks() if distances else ():
        own = rows[start : start + len(block)]
        radii[own] = _kth(distances, start, own, block, copies, num_neighbours)
    return radii


def _candidates_radii(points: Tensor, k: int, radii: Tensor) -> Tensor:
    """Fill in the radius of every point whose nearest neighbours float32 can tell from all others; return the rows of the rest.

    Of each point the nearest k and a few more are found in float32. Where the last of them is farther than the k-th by more than rounding
    may have moved both, the k-th in float64 is one of those that lie as near to the k-th as that. A tile serves its rows and its columns,
    for a distance is the same from either end: half of all tiles are made.
    """
    margins, nearest_ones = Margins(points, points), _NearestOnes(len(points), min(k + _SPARE, len(points) - 1))
    for rows in margins.rows():
        for columns in margins.columns(rows.start):
            tile = margins.tile(rows, columns)
            if columns.start == rows.start:
                tile.diagonal().fill_(torch.inf)  # a point is none of its neighbours
            nearest_ones.take(rows, tile, columns.start)
            if columns.stop > rows.stop:  # the rows themselves are done with
                later = slice(max(columns.start, rows.stop), columns.stop)
                nearest_ones.take(later, tile[:, later.start - columns.start :].T, rows.start)
    best = nearest_ones.distances
    border, errors = best[:, k - 1 : k], 2 * margins.errors[:, None]
    sure = (best[:, -1:] > border + errors).squeeze(1) | torch.tensor(best.shape[1] == len(points) - 1)
    below, near = _below_and_near(best, border, errors)
    near &= sure[:, None]
    distances, rows = torch.where(below, -torch.inf, torch.inf).double(), near.nonzero()[:, 0]
    distances[near] = squared_distances(points, points, rows, nearest_ones.places[near])
    radii[sure] = distances[sure].kthvalue(k, dim=1).values
    return sure.logical_not().nonzero().squeeze(1)


def _below_and_near(values: Tensor, border: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Return which values lie certainly below a border, and which may lie at it: together all up to the border, however these round."""
    below = values < border - errors
    return below, (values <= border + errors) & below.logical_not()


class _NearestOnes:
    """The nearest of all others that each point has been shown.

    Args:
        count: N.
        kept: how many are kept of each point.
    """

    def __init__(self, count: int, kept: int) -> None:
        self.distances = torch.full((count, kept), torch.inf)
        """``[N, kept]`` float32, rising."""
        self.places = torch.zeros((count, kept), dtype=torch.int64)

    def take(self, rows: slice, distances: Tensor, start: int) -> None:
        """Take what some points are from others: ``[B, C]``, where the first of the others is at ``start``."""
        best, places = self.distances[rows], self.places[rows]
        better = (distances.amin(dim=1) < best[:, -1]).nonzero().squeeze(1)  # fewer and fewer, and a minimum costs little
        found = distances[better].topk(min(best.shape[1], distances.shape[1]), dim=1, largest=False)
        merged = torch.cat([best[better], found.values], dim=1).topk(best.shape[1], dim=1, largest=False)
        best[better] = merged.values
        places[better] = torch.cat([places[better], found.indices + start], dim=1).gather(1, merged.indices)


def _kth(distances: _Distances, start: int, own: Tensor, block: Tensor, copies: Tensor, k: int) -> Tensor:
    """Return the k-th smallest of each row, the point's own distance left out by its index."""
    rows = torch.arange(len(block), device=block.device)
    block[rows, own], copies[rows, own] = torch.inf, False
    border = block.topk(k, dim=1, largest=False).values[:, -1:]
    rows, _, exact = distances.near(start, block, copies, border)
    order = exact.argsort(stable=True)
    order = order[rows[order].argsort(stable=True)]  # by row, and within a row by distance
    first = torch.searchsorted(rows[order], torch.arange(len(block), device=rows.device))
    left = k - distances.certainly_below(block, border).logical_or_(copies).sum(dim=1)  # how many of those near are as near as the k-th
    radii = torch.zeros(len(block), dtype=torch.float64, device=block.device)  # of k copies and more
    radii[left > 0] = exact[order[(first + left - 1)[left > 0]]]
    return radii


def within(queries: Tensor, centres: Tensor, radii: Tensor, *, border: bool) -> Iterator[Tensor]:
    """Yield which queries lie in which balls, ``[B, N]`` bool, a block of queries at a time; it holds until the next block.

    Args:
        queries: ``[M, D]``.
        centres: ``[N, D]``, on the same device.
        radii: :func:`squared_radii` of the centres, ``[N]``.
        border: whether a ball's border belongs to it.
    """
    distances, compare = _Distances(queries, centres), torch.le if border else torch.lt
    for start, block, copies in distances.blocks():
        rows, columns, exact = distances.near(start, block, copies, radii)
        inside = compare(block, radii, out=copies)
        inside[rows, columns] = compare(exact, radii[columns])
        yield inside


def nearest(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the squared distance from each query to its nearest point, ``[M]`` float64, and which that is, ``[M]``."""
    distances, which = _Distances(queries, points), torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    for start, block, _ in distances.blocks():
        which[start : start + len(block)] = block.argmin(dim=1)
    return distances.exact(torch.arange(len(queries), device=which.device), which), which


def pairwise_features(samples: SampleSet) -> Tensor:
    """Return a set's features, ``[N, D]`` float32, on the GPU when there is one.

    Raises:
        ValueError: they were not kept: the caller ignored ``Metric.needs``.
    """
    if samples.features is None:
        raise ValueError("this metric needs the features of every sample, but the sample set holds only their statistics")
    return samples.features.to("cuda" if torch.cuda.is_available() else "cpu")

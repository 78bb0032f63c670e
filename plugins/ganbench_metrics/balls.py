"""Which queries lie in balls around points, and the other way round; several questions are answered in one pass over the distances.

On a CPU most pairs are decided in float32, by a product of matrices whose error is bounded (margins.py), and float64 decides the rest: the
results are the same bits as those of :func:`ganbench_metrics.neighbours.within`, which answers where that bound does not hold.

Shapes: N points, M queries, B rows and C columns of a tile, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ganbench_metrics.margins import Margins, can_bound
from ganbench_metrics.neighbours import squared_distances, within

_MOST_OPEN = 32
"""Where more than one in so many pairs of a tile is open, all of it is computed in float64."""


class Question(Protocol):
    """Something that is asked of the distances between queries and points."""

    radii: Tensor
    """Squared, float64, on the features' device: of the balls around the points, ``[N]``, or around the queries, ``[M]``."""

    def look(self, margins: Margins, rows: slice, columns: slice, tile: Tensor) -> None:
        """Look at the distances of some queries to some points, ``[B, C]`` float32; they are not to be changed."""
        ...

    def look_at_all(self) -> None:
        """Answer in float64 alone."""
        ...


def answer(queries: Tensor, points: Tensor, questions: Sequence[Question]) -> None:
    """Answer questions about queries ``[M, D]`` and points ``[N, D]``, float32 on one device."""
    if not can_bound(queries, points):
        for question in questions:
            question.look_at_all()
        return
    largest = max((float(question.radii.max()) for question in questions if len(question.radii)), default=0.0)
    margins = Margins(queries, points, largest)
    for columns in margins.columns():
        for rows in margins.rows():
            tile = margins.tile(rows, columns)
            for question in questions:
                question.look(margins, rows, columns, tile)


class Held:
    """Which samples of one side lie in at least one ball around a sample of the other side, border included.

    Args:
        samples: ``[S, D]``: the queries, or the points.
        centres: ``[K, D]``: the other side.
        radii: of the balls, squared, ``[K]``.
        around_queries: whether the centres are the queries.
    """

    def __init__(self, samples: Tensor, centres: Tensor, radii: Tensor, *, around_queries: bool = False) -> None:
        self._samples, self._centres, self.radii, self._around_queries = samples, centres, radii, around_queries
        self.held = torch.zeros(len(samples), dtype=torch.bool, device=samples.device)
        """``[S]`` bool."""

    def look(self, margins: Margins, rows: slice, columns: slice, tile: Tensor) -> None:
        """See :class:`Question`."""
        own, around = (columns, rows) if self._around_queries else (rows, columns)
        held = self.held[own]
        if bool(held.all()):
            return
        borders, errors = margins.borders(self.radii[around]), margins.errors[rows, None]
        less = margins.less(tile, borders[:, None] if self._around_queries else borders)
        if self._around_queries:
            less, errors = less.T, errors.T
        least, most_off = less.amin(dim=1), errors.amax(dim=1)
        held |= least < -most_off
        unsure = torch.logical_and(least <= most_off, held.logical_not()).nonzero().squeeze(1)
        if len(unsure):
            near = _Near(self._samples[own][unsure], self._centres[around], self.radii[around])
            held[unsure] = near.decide(less[unsure], errors.expand(len(held), -1)[unsure], border=True).any(dim=1)

    def look_at_all(self) -> None:
        """See :class:`Question`."""
        self.held = torch.cat([inside.any(dim=1) for inside in within(self._samples, self._centres, self.radii, border=True)])


class PairsWithin:
    """How many pairs there are of a query and a ball around a point that holds it, border left out, and which balls hold any.

    Args:
        queries: ``[M, D]``.
        points: ``[N, D]``.
        radii: of the balls, squared, ``[N]``.
    """

    def __init__(self, queries: Tensor, points: Tensor, radii: Tensor) -> None:
        self._queries, self._points, self.radii = queries, points, radii
        self.count = 0
        self.holds_any = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        """``[N]`` bool."""

    def look(self, margins: Margins, rows: slice, columns: slice, tile: Tensor) -> None:
        """See :class:`Question`."""
        errors, holds_any = margins.errors[rows], self.holds_any[columns]
        less = margins.less(tile, margins.borders(self.radii[columns]))
        unsure = (margins.magnitudes(less).amin(dim=1) <= errors).nonzero().squeeze(1)
        if len(unsure):
            near = _Near(self._queries[rows][unsure], self._points[columns], self.radii[columns])
            inside = near.decide(less[unsure], errors[unsure, None], border=False)
            self.count += int(inside.sum())
            holds_any |= inside.any(dim=0)
            less[unsure] = torch.inf
        holds_any |= less.amin(dim=0) < 0
        signs = margins.signs(less)  # none that is left is 0, and float32 adds up as many ones exactly
        self.count += (signs.numel() - round(float(signs.sum()))) // 2

    def look_at_all(self) -> None:
        """See :class:`Question`."""
        for inside in within(self._queries, self._points, self.radii, border=False):
            self.count += int(inside.sum())
            self.holds_any |= inside.any(dim=0)


class _Near:
    """Decides in float64 what float32 leaves open between some queries and the balls around some centres."""

    def __init__(self, queries: Tensor, centres: Tensor, radii: Tensor) -> None:
        self._queries, self._centres, self._radii = queries, centres, radii

    def decide(self, less: Tensor, errors: Tensor, *, border: bool) -> Tensor:
        """Return which queries lie in which balls, bool as the margins ``less`` are, each of which may be off by its error."""
        compare: Callable[[Tensor, Tensor], Tensor] = torch.le if border else torch.lt
        near = (less.abs() <= errors).nonzero()
        if len(near) * _MOST_OPEN > less.numel():
            return torch.cat([inside.clone() for inside in within(self._queries, self._centres, self._radii, border=border)])
        inside, (rows, columns) = less < 0, near.unbind(dim=1)
        inside[rows, columns] = compare(squared_distances(self._queries, self._centres, rows, columns), self._radii[columns])
        return inside

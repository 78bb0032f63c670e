"""Squared distances less a border, by one product of matrices in float32, and how far rounding may have moved each of them.

``|q - p|^2 - r`` is the product of ``[-2 q, |q|^2, 1]`` and ``[p, 1, |p|^2 - r]``, of D + 2 terms. Points are moved by their mean and
scaled by a power of two first, in float64, so that the terms are small and none overflows. A sum of n products in float32 is off by at
most ``n u / (1 - n u)`` of the sum of their magnitudes, in whatever order they are added (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd edition, section 3.1), and the rounding of the factors adds a few u; u is 2^-24. The magnitudes add up to at most
``2 |q|^2 + 2 |p|^2 + r``.

A tile fits a core's cache: all that is asked of it costs less than the product.

Shapes: N points, M queries, B rows and C columns of a tile, D feature dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

ROWS, COLUMNS = 256, 1024
_UNIT = 2.0**-24
_CHUNK = 1024


def can_bound(*sides: Tensor) -> bool:
    """Tell whether the error of a product in float32 is bounded here: on a CPU, with no leave to round its factors to fewer bits."""
    return all(side.device.type == "cpu" for side in sides) and torch.get_float32_matmul_precision() == "highest"


class Margins:
    """The squared distances of queries to points, less each point's border, in tiles.

    Args:
        queries: ``[M, D]``.
        points: ``[N, D]``, on the CPU as they are.
        borders: ``[N]``, 0 or more; None for none.
    """

    def __init__(self, queries: Tensor, points: Tensor, borders: Tensor | None) -> None:
        centre = points.mean(dim=0, dtype=torch.float64)
        norms = [torch.cat([(part - centre).square().sum(dim=1) for part in side.split(_CHUNK)]) for side in (queries, points)]
        borders = torch.zeros(len(points), dtype=torch.float64) if borders is None else borders
        largest = [float(of.max()) if len(of) else 0.0 for of in (*norms, borders)]
        scale = 4.0 ** -((math.frexp(max(largest))[1] + 1) // 2)
        self._left, self._right = (_moved(side, centre, math.sqrt(scale)) for side in (queries, points))
        dims = queries.shape[1]
        self._left[:, :dims] *= -2
        self._left[:, dims], self._left[:, dims + 1] = norms[0] * scale, 1.0
        self._right[:, dims], self._right[:, dims + 1] = 1.0, (norms[1] - borders) * scale
        bound = 2 * norms[0] + 2 * largest[1] + largest[2]
        self.scale = scale
        """What squared distances are multiplied with: a power of four."""
        self.errors = (1.01 * (dims + 12) * _UNIT * scale * bound + 1e-30).float()
        """``[M]``: the most that a query's margins may be off."""
        self._tile, self._scratch = torch.empty(2, ROWS, COLUMNS)

    def rows(self, chosen: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the queries, or chosen ones, as many at a time as a tile has rows."""
        yield from torch.split(torch.arange(len(self._left)) if chosen is None else chosen, ROWS)

    def columns(self) -> Iterator[slice]:
        """Yield the points, as many at a time as a tile has columns."""
        for start in range(0, len(self._right), COLUMNS):
            yield slice(start, min(start + COLUMNS, len(self._right)))

    def tile(self, rows: Tensor, columns: slice) -> Tensor:
        """Return the margins of some queries to some points, ``[B, C]`` float32, which hold until the next tile; at most ROWS of them."""
        left, right = self._left[rows], self._right[columns].T
        return torch.mm(left, right, out=self._tile[: len(left), : right.shape[1]])

    def tiles(self, rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield the margins of some queries to all points, tile by tile."""
        for columns in self.columns():
            yield columns, self.tile(rows, columns)

    def magnitudes(self, tile: Tensor) -> Tensor:
        """Return the magnitude of each margin, until the next call of this kind."""
        return torch.abs(tile, out=self._scratch[: tile.shape[0], : tile.shape[1]])

    def signs(self, tile: Tensor) -> Tensor:
        """Return the sign of each margin as -1, 0 or 1, until the next call of this kind."""
        return torch.sign(tile, out=self._scratch[: tile.shape[0], : tile.shape[1]])


def _moved(side: Tensor, centre: Tensor, scale: float) -> Tensor:
    """Return ``[N, D + 2]`` float32: the points less the centre, scaled, and two columns to fill."""
    out = torch.empty(len(side), side.shape[1] + 2)
    for start in range(0, len(side), _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part, :-2] = ((side[part] - centre) * scale).float()
    return out

"""Squared distances by one product of matrices in float32, and how far rounding may have moved each of them, less a border, from the truth.

``|q - p|^2`` is the product of ``[-2 q, |q|^2, 1]`` and ``[p, 1, |p|^2]``, of D + 2 terms. Points are moved by their mean and scaled by a
power of two first, in float64, so that the terms are small and none overflows. A sum of n products in float32 is off by at most
``n u / (1 - n u)`` of the sum of their magnitudes, in whatever order they are added (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd edition, section 3.1), and the rounding of the factors, of a border r and of the difference adds a few u; u is 2^-24. The
magnitudes add up to at most ``2 |q|^2 + 2 |p|^2 + r``.

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
    """The squared distances of queries to points in tiles, and what they are less a border.

    Args:
        queries: ``[M, D]``.
        points: ``[N, D]``, on the CPU as they are.
        largest_border: the largest of all borders that distances will be held against, 0 or more.
    """

    def __init__(self, queries: Tensor, points: Tensor, largest_border: float = 0.0) -> None:
        centre = points.mean(dim=0, dtype=torch.float64)
        norms = [torch.cat([(part - centre).square().sum(dim=1) for part in side.split(_CHUNK)]) for side in (queries, points)]
        largest = [*(float(of.max()) if len(of) else 0.0 for of in norms), largest_border]
        self.scale = 4.0 ** -((math.frexp(max(largest))[1] + 1) // 2)
        """What squared distances are multiplied with: a power of four."""
        self._left, self._right = (_moved(side, centre, math.sqrt(self.scale)) for side in (queries, points))
        dims = queries.shape[1]
        self._left[:, :dims] *= -2
        self._left[:, dims], self._left[:, dims + 1] = norms[0] * self.scale, 1.0
        self._right[:, dims], self._right[:, dims + 1] = 1.0, norms[1] * self.scale
        bound = 2 * norms[0] + 2 * largest[1] + largest[2]
        self.errors = (1.01 * (dims + 12) * _UNIT * self.scale * bound + 1e-30).float()
        """``[M]``: the most that a query's distances, less a border, may be off."""
        self._tile, self._margins, self._scratch = torch.empty(3, ROWS, COLUMNS)

    def borders(self, squared: Tensor) -> Tensor:
        """Return borders as a tile's distances are to be held against: scaled, in float32."""
        return (squared * self.scale).float()

    def rows(self) -> Iterator[slice]:
        """Yield the queries, as many at a time as a tile has rows."""
        yield from _slices(len(self._left), ROWS)

    def columns(self, start: int = 0) -> Iterator[slice]:
        """Yield the points from ``start`` on, as many at a time as a tile has columns."""
        yield from _slices(len(self._right), COLUMNS, start)

    def tile(self, rows: slice, columns: slice) -> Tensor:
        """Return the scaled distances of some queries to some points, ``[B, C]`` float32, which hold until the next tile."""
        left, right = self._left[rows], self._right[columns].T
        return torch.mm(left, right, out=self._tile[: len(left), : right.shape[1]])

    def less(self, tile: Tensor, borders: Tensor) -> Tensor:
        """Return the distances of a tile less borders, ``[B, 1]`` or ``[C]`` of :meth:`borders`, until the next call of this kind."""
        return torch.sub(tile, borders, out=self._margins[: tile.shape[0], : tile.shape[1]])

    def magnitudes(self, tile: Tensor) -> Tensor:
        """Return the magnitude of each number, until the next call of this kind or of :meth:`signs`."""
        return torch.abs(tile, out=self._scratch[: tile.shape[0], : tile.shape[1]])

    def signs(self, tile: Tensor) -> Tensor:
        """Return the sign of each number as -1, 0 or 1, until the next call of this kind or of :meth:`magnitudes`."""
        return torch.sign(tile, out=self._scratch[: tile.shape[0], : tile.shape[1]])


def _slices(count: int, size: int, start: int = 0) -> Iterator[slice]:
    for at in range(start, count, size):
        yield slice(at, min(at + size, count))


def _moved(side: Tensor, centre: Tensor, scale: float) -> Tensor:
    """Return ``[N, D + 2]`` float32: the points less the centre, scaled, and two columns to fill."""
    out = torch.empty(len(side), side.shape[1] + 2)
    for start in range(0, len(side), _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part, :-2] = ((side[part] - centre) * scale).float()
    return out

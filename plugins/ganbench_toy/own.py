"""Your own points, from a CSV file: measured somewhere, or drawn on the page of ``ganbench watch``.

Shapes: N points.
"""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganbench import DataContext, DataError, Dataset
from ganbench_spaces.points import point_source
from ganbench_toy.options import OwnPointsOptions

_SEED = 0
_DELIMITERS = (";", "\t", ",")  # a file that has one of the first two may have commas for other things
_LEAST = 10
"""Points: with fewer nothing can be held out that says anything."""
_FARTHEST = 1e18
"""From 0: squares of what is farther have no place in float32."""


def build(options: OwnPointsOptions, context: DataContext) -> Dataset:
    """Return the points of a file, as training has them, and those that are held out.

    Raises:
        ganbench.DataError: the file is none of two columns of numbers; names the line.
    """
    path = Path(os.path.expanduser(options.path))
    points = read_points(path)
    num_test = max(1, round(len(points) * options.test_fraction))
    if len(points) - num_test < 2:
        raise DataError(f"{path.name}: test_fraction={options.test_fraction} holds out {num_test} of {len(points)} points", hint="use less")
    order = np.random.RandomState(_SEED).permutation(len(points))
    test, train = points[np.sort(order[:num_test])], points[np.sort(order[num_test:])]
    note = f"{len(train)} points to train on, {len(test)} to test on"
    if options.scale == "fit":
        centre, size = _fit(train, path.name)
        train, test = (train - centre) / size, (test - centre) / size
        note += f"; a point of the run is one of the file less ({centre[0]:.6g}, {centre[1]:.6g}), divided by {size:.6g}"
    stored = [torch.from_numpy(part).float()[:, :, None, None] for part in (train, test)]
    return Dataset(name=f"points:{path.stem}", train=point_source(stored[0]), test=point_source(stored[1]), notes=(note,))


def _fit(train: NDArray[np.float64], name: str) -> tuple[NDArray[np.float64], float]:
    """Return the mean of the points ``[2]``, and the root of their mean squared distance from it."""
    centre = train.mean(axis=0)
    size = float(np.sqrt(np.square(train - centre).sum(axis=1).mean()))
    if size <= 1e-12 * float(np.abs(train).max()):
        raise DataError(f"{name}: all points lie in one place", hint="give points that differ, or -o scale=none")
    return centre, size


def read_points(path: Path) -> NDArray[np.float64]:
    """Return the points of a file ``[N, 2]``, in its order.

    Args:
        path: a CSV file in UTF-8, two numbers a line, between which stands a comma, a semicolon or a tab; its first line may name them.

    Raises:
        DataError: it is something else, or has too few; names file and line.
    """
    if not os.path.isfile(path):
        raise DataError(f"points: path is not a file (got {str(path)!r})", hint="give a CSV file of two columns with -o dataset.path=FILE")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not UTF-8 at byte {error.start}", hint="save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror})") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((one for one in _DELIMITERS if one in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    points: list[tuple[float, float]] = []
    is_first = True
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if not (is_first and _are_names(fields)):
                points.append(_point(fields, f"{path.name}, line {reader.line_num}"))
            is_first = False
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: no CSV ({error})", hint="look at its quotes") from None
    if len(points) < _LEAST:
        raise DataError(f"{path.name} has {len(points)} points, and {_LEAST} are the least", hint="give more, one a line: x,y")
    return np.array(points, np.float64)


def _are_names(fields: list[str]) -> bool:
    """Tell whether a first line names the two columns."""
    return len(fields) == 2 and all(_number(field) is None for field in fields)


def _point(fields: list[str], where: str) -> tuple[float, float]:
    if len(fields) != 2:
        raise DataError(f"{where}: a point is two numbers, x and y (got {len(fields)} field{'' if len(fields) == 1 else 's'})")
    x, y = map(_number, fields)
    if x is None or y is None:
        raise DataError(f"{where}: {(fields[0] if x is None else fields[1]).strip()[:40]!r} is no number")
    if not max(abs(x), abs(y)) <= _FARTHEST or math.isnan(x) or math.isnan(y):
        raise DataError(f"{where}: a point must be finite, and nearer than {_FARTHEST:g} (got {x:g}, {y:g})")
    return x, y


def _number(text: str) -> float | None:
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None

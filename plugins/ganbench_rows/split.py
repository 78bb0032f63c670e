"""A typed table as a dataset: split, missing numbers filled, and the space fitted to the train split.

Shapes: N rows, C columns.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ganbench import ArraySource, DataError, Dataset
from ganbench_rows.columns import Column, fit_category, fit_number
from ganbench_rows.density import Density
from ganbench_rows.inference import TypedColumn, TypedTable
from ganbench_rows.space import RowSpace

_SEED = 0
_Indices = NDArray[np.int64]
_Values = NDArray[np.float64]


def make_dataset(name: str, table: TypedTable, *, test_fraction: float, max_modes: int) -> Dataset:
    """Split a table and fit what is fitted.

    Raises:
        DataError: a split without rows, or a column of numbers that is constant in the train split.
    """
    train, test = split_rows(table, test_fraction)
    if min(len(train), len(test)) < 2:
        what = f"{name}: test_fraction={test_fraction} leaves {len(train)} rows to train on and {len(test)} to test on"
        raise DataError(what, hint="each split needs two rows or more")
    filled = [_filled(column, train) for column in table.columns]
    return fitted_dataset(name, table, np.stack(filled, axis=1), train, test, max_modes=max_modes)


def fitted_dataset(
    name: str, table: TypedTable, rows: _Values, train: _Indices, test: _Indices, *, max_modes: int, density: Density | None = None
) -> Dataset:
    """Return rows ``[N, C]`` without missing values as a dataset."""
    columns = tuple(_fit(column, rows[train, place], max_modes, name) for place, column in enumerate(table.columns))
    space = RowSpace(columns, table.target, density)
    stored = torch.from_numpy(rows)
    counts = f"{len(train)} rows to train on, {len(test)} to test on"
    target = f"; the target is {table.target}" if table.target else "; no target is named"
    return Dataset(
        name=name,
        train=ArraySource(stored[torch.from_numpy(train)], space=space),
        test=ArraySource(stored[torch.from_numpy(test)], space=space),
        notes=(f"{counts}{target}", *table.notes, *(column.describe() for column in columns)),
    )


def split_rows(table: TypedTable, test_fraction: float) -> tuple[_Indices, _Indices]:
    """Return train and test indices, each in ascending order, chosen by a fixed seed.

    Of each category of the target, or of all rows where it holds numbers or there is none, the test split gets its share, rounded.
    """
    target = next((column for column in table.columns if column.name == table.target and column.categories), None)
    groups = np.zeros(table.num_rows) if target is None else np.nan_to_num(target.values, nan=-1.0)
    random = np.random.RandomState(_SEED)
    orders = [random.permutation(np.flatnonzero(groups == group)) for group in np.unique(groups)]
    test = np.sort(np.concatenate([order[: round(len(order) * test_fraction)] for order in orders]))
    return np.setdiff1d(np.arange(table.num_rows), test), test


def _filled(column: TypedColumn, train: _Indices) -> _Values:
    """Return a column with the median of the train split in the place of missing numbers."""
    absent = np.isnan(column.values)
    known = column.values[train][~absent[train]]
    return np.where(absent, np.median(known), column.values) if absent.any() and len(known) else column.values


def _fit(column: TypedColumn, train: _Values, max_modes: int, title: str) -> Column:
    if column.categories:
        return fit_category(column.name, train, column.categories)
    if np.isnan(train).any() or (train == train[0]).all():
        what = f"{title}: column {column.name!r} has one value or none in the train split"
        raise DataError(what, hint=f"leave it out with -o drop={column.name}, or choose another test_fraction")
    return fit_number(column.name, train, max_modes)

"""The tables: four that scikit-learn ships, rows of a density that is known, and any CSV or Parquet file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from ganbench import DataContext, Dataset
from ganbench_rows.density import Density
from ganbench_rows.inference import TypedColumn, TypedTable, infer
from ganbench_rows.options import BundledOptions, MixtureOptions, TableOptions
from ganbench_rows.reading import read_table
from ganbench_rows.split import fitted_dataset, make_dataset

_TEST_FRACTION = 0.2
MIXTURE = Density(
    shares=(0.5, 0.3, 0.15, 0.05),
    means=((0.0, 0.0), (4.0, 0.0), (0.0, 4.0), (-3.0, -3.0)),
    covariances=(
        ((1.0, 0.8), (0.8, 1.0)),
        ((0.5, -0.3), (-0.3, 0.5)),
        ((0.2, 0.0), (0.0, 1.0)),
        ((0.1, 0.0), (0.0, 0.1)),
    ),
)
"""``mixture-rows``: four kinds, one of them rare; two numbers whose correlation differs from kind to kind."""


def build_iris(options: BundledOptions, context: DataContext) -> Dataset:
    """Return 150 irises."""
    return _bundled("iris", options)


def build_wine(options: BundledOptions, context: DataContext) -> Dataset:
    """Return 178 wines."""
    return _bundled("wine", options)


def build_breast_cancer(options: BundledOptions, context: DataContext) -> Dataset:
    """Return 569 tumours."""
    return _bundled("breast-cancer", options)


def build_diabetes(options: BundledOptions, context: DataContext) -> Dataset:
    """Return 442 patients, whose target is a number."""
    return _bundled("diabetes", options)


def _bundled(name: str, options: BundledOptions) -> Dataset:
    from sklearn import datasets

    arguments = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")(**arguments)
    columns = [
        TypedColumn(str(title), np.array(values, np.float64)) for title, values in zip(bunch.feature_names, bunch.data.T, strict=True)
    ]
    columns = [_as_category(column) if len(np.unique(column.values)) == 2 else column for column in columns]
    kinds = tuple(map(str, getattr(bunch, "target_names", ())))
    columns.append(TypedColumn("target", bunch.target.astype(np.float64), kinds))
    table = TypedTable(tuple(columns), "target")
    return make_dataset(name, table, test_fraction=_TEST_FRACTION, max_modes=options.max_modes)


def _as_category(column: TypedColumn) -> TypedColumn:
    """Return a column of two numbers as categories: the sex of patients."""
    values, places = np.unique(column.values, return_inverse=True)
    return TypedColumn(column.name, places.astype(np.float64), tuple(f"{value:g}" for value in values))


def build_mixture(options: MixtureOptions, context: DataContext) -> Dataset:
    """Return rows of :data:`MIXTURE`."""
    held_out = max(2, options.num_rows // 4)
    rows = MIXTURE.sample(options.num_rows + held_out, torch.Generator().manual_seed(options.seed)).numpy()
    kinds = tuple("abcd")
    table = TypedTable((TypedColumn("x", rows[:, 0]), TypedColumn("y", rows[:, 1]), TypedColumn("kind", rows[:, 2], kinds)), "kind")
    train, test = np.arange(options.num_rows), np.arange(options.num_rows, len(rows))
    return fitted_dataset("mixture-rows", table, rows, train, test, max_modes=options.max_modes, density=MIXTURE)


def build_table(options: TableOptions, context: DataContext) -> Dataset:
    """Return a file of the user's.

    Raises:
        ganbench.DataError: it cannot be used.
    """
    path = Path(os.path.expanduser(options.path))
    table = infer(
        read_table(path, options.delimiter),
        title=path.name,
        target=options.target,
        categories=options.categories,
        drop=options.drop,
        drop_missing=options.missing == "drop",
    )
    return make_dataset(f"table:{path.stem}", table, test_fraction=options.test_fraction, max_modes=options.max_modes)

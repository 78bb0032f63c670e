"""What the texts of a table mean: which columns hold numbers and which categories, what is missing, and what cannot be used.

The rule. A column whose values are all numbers holds numbers, unless these are integers of ten values or fewer (truth values, grades,
codes) or the column is named as a category; any other column holds categories. Missing are empty fields and NA, N/A, NaN, null, None and ?,
in any case. A column where more than half of the values are numbers and some are texts is refused: those are mistakes more often than
categories.

Shapes: N rows, C columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganbench import DataError, did_you_mean
from ganbench_rows.reading import RawTable

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
MISSING_CATEGORY = "(missing)"
FEW = 10
"""Integers of so many values or fewer are categories."""
_MOST_CATEGORIES = 256
_LEAST_ROWS = 10
_Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """A column before anything is fitted."""

    name: str
    values: _Values
    """``[N]``: numbers, or places of categories; NaN where a value is missing."""
    categories: tuple[str, ...] = ()
    """Empty for a column of numbers."""


@dataclass(frozen=True, slots=True)
class TypedTable:
    """Columns of one length."""

    columns: tuple[TypedColumn, ...]
    target: str = ""
    notes: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        """N."""
        return len(self.columns[0].values)


def infer(
    raw: RawTable,
    *,
    title: str,
    target: str = "",
    categories: Sequence[str] = (),
    drop: Sequence[str] = (),
    drop_missing: bool = False,
) -> TypedTable:
    """Tell what the columns hold.

    Args:
        raw: the texts.
        title: what messages call the table.
        target: the column that a classifier is to predict; empty for none.
        categories: columns that hold categories although they look like numbers.
        drop: columns that are left out.
        drop_missing: whether rows in which something is missing are left out.

    Raises:
        DataError: a column that is not there or that cannot be used, or too few columns or rows.
    """
    for option, names in (("target", [target] if target else []), ("categories", categories), ("drop", drop)):
        for name in names:
            if name not in raw.names:
                raise DataError(f"{title}: {option} {name!r} is no column", hint=did_you_mean(name, list(raw.names)))
    if target in drop:
        raise DataError(f"{title}: the target {target!r} is among the columns of drop", hint="keep it, or name another target")
    kept = [i for i, name in enumerate(raw.names) if name not in drop]
    if len(kept) < 2:
        what = f"{title}: a table needs two columns or more (got {len(kept)}: {', '.join(raw.names[i] for i in kept) or 'none'})"
        raise DataError(what, hint="if its fields are separated otherwise, name the -o delimiter")
    if raw.num_rows < _LEAST_ROWS:
        raise DataError(f"{title}: a table needs {_LEAST_ROWS} rows or more (got {raw.num_rows})")
    columns = [_infer_column(raw, i, title, raw.names[i] in categories) for i in kept]
    absent = np.any([np.isnan(column.values) for column in columns], axis=0)
    notes = []
    if absent.any() and drop_missing:
        columns = [TypedColumn(c.name, c.values[~absent], c.categories) for c in columns]
        notes.append(f"{int(absent.sum())} of {len(absent)} rows are left out, because something is missing in them")
        if len(columns[0].values) < _LEAST_ROWS:
            raise DataError(f"{title}: only {len(columns[0].values)} rows have no missing value", hint="use -o missing=fill")
    elif absent.any():
        notes.append(f"in {int(absent.sum())} of {len(absent)} rows something is missing: numbers become the train split's median")
        columns = [_with_missing_category(column) for column in columns]
    for column in columns:
        _refuse_constant(column, title)
    return TypedTable(tuple(columns), target, tuple(notes))


def _infer_column(raw: RawTable, place: int, title: str, is_category: bool) -> TypedColumn:
    name, texts = raw.names[place], [text.strip() for text in raw.columns[place]]
    there = [text for text in texts if text.lower() not in MISSING]
    if not there:
        raise DataError(f"{title}: column {name!r} has no value in any row", hint=f"leave it out with -o drop={name}")
    numbers = [_number(text) for text in there]
    given = [number for number in numbers if number is not None]
    if not is_category and len(given) == len(there):
        if len(set(given)) > FEW or not all(number.is_integer() for number in given):
            return TypedColumn(name, _numbers(texts))
    elif not is_category and len(given) > len(there) / 2:
        row = next(i for i, text in enumerate(texts) if text.lower() not in MISSING and _number(text) is None)
        what = f"{title}: column {name!r} holds numbers, and {texts[row][:40]!r} in {raw.place} {raw.where[row]}"
        raise DataError(what, hint=f"correct it, or take the column for categories with -o categories={name}")
    return _categories(name, texts, there, title)


def _categories(name: str, texts: Sequence[str], there: Sequence[str], title: str) -> TypedColumn:
    values = tuple(sorted(set(there), key=_order))
    if len(values) > _MOST_CATEGORIES:
        what = f"{title}: column {name!r} has {len(values)} categories, and {_MOST_CATEGORIES} are the most"
        raise DataError(what, hint=f"leave it out with -o drop={name}")
    places = {value: float(place) for place, value in enumerate(values)}
    return TypedColumn(name, np.array([places.get(text, math.nan) for text in texts]), values)


def _order(text: str) -> tuple[bool, float, str]:
    """Numbers by their size, before texts by the alphabet."""
    number = _number(text)
    return number is None, number or 0.0, text


def _number(text: str) -> float | None:
    """Return a finite number, or None for any other text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _numbers(texts: Sequence[str]) -> _Values:
    return np.array([math.nan if text.lower() in MISSING else float(text) for text in texts])


def _with_missing_category(column: TypedColumn) -> TypedColumn:
    """Return a column of categories of which what is missing is one more; numbers are left as they are."""
    absent = np.isnan(column.values)
    if not column.categories or not absent.any():
        return column
    return TypedColumn(column.name, np.where(absent, float(len(column.categories)), column.values), (*column.categories, MISSING_CATEGORY))


def _refuse_constant(column: TypedColumn, title: str) -> None:
    there = column.values[~np.isnan(column.values)]
    if (there == there[0]).all():
        value = column.categories[int(there[0])] if column.categories else f"{there[0]:g}"
        what = f"{title}: column {column.name!r} is {value!r} in every row"
        raise DataError(what, hint=f"leave it out with -o drop={column.name}")

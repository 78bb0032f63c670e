"""The texts of a table, from a CSV file, or from a Parquet file through pyarrow; :mod:`ganbench_rows.inference` tells what they mean."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench import DataError

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_PARQUET = (".parquet", ".pq")
_LARGEST_FIELD = 1_000_000


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns of texts."""

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    """One for each name, all of one length; a missing value of a Parquet file is an empty text."""
    where: tuple[int, ...]
    """For each row its number in the file: the line of a CSV file, the row of a Parquet file."""
    place: str
    """What these numbers are: ``line``, ``row``."""

    @property
    def num_rows(self) -> int:
        """N."""
        return len(self.where)


def read_table(path: Path, delimiter: str = "auto") -> RawTable:
    """Read a file.

    Args:
        path: a CSV file with a header, in UTF-8 with or without a byte order mark; or a Parquet file, by its suffix.
        delimiter: a key of :data:`DELIMITERS`, or auto.

    Raises:
        DataError: it cannot be read, or is no table of two columns and two rows or more.
    """
    if not os.path.isfile(path):
        raise DataError(f"table: path is not a file (got {str(path)!r})", hint="give a CSV or Parquet file with -o path=FILE")
    table = _read_parquet(path) if path.suffix.lower() in _PARQUET else _read_csv(path, delimiter)
    if twice := [name for name, count in Counter(table.names).items() if count > 1]:
        raise DataError(f"{path.name}: two columns are called {twice[0]!r}", hint="give each a name of its own")
    if "" in table.names:
        raise DataError(f"{path.name}: column {table.names.index('') + 1} has no name", hint="name every column in the header")
    return table


def _read_csv(path: Path, delimiter: str) -> RawTable:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not UTF-8 at byte {error.start}", hint="save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror})") from None
    if not text.strip():
        raise DataError(f"{path.name} is empty", hint="give a CSV file with a header and rows")
    separator = DELIMITERS.get(delimiter) or _guess_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    limit = csv.field_size_limit(_LARGEST_FIELD)
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"{path.name}: line {reader.line_num} is no CSV ({error})", hint="look at its quotes") from None
    finally:
        csv.field_size_limit(limit)
    (_, header), rows = lines[0], lines[1:]
    for line, row in rows:
        if len(row) != len(header):
            hint = "every line needs as many fields as the header; look at quotes, or name the -o delimiter"
            raise DataError(f"{path.name}: line {line} has {len(row)} fields, and the header has {len(header)}", hint=hint)
    columns = tuple(zip(*(row for _, row in rows), strict=True)) if rows else ((),) * len(header)
    names = tuple(name.strip() for name in header)
    return RawTable(names, columns, tuple(line for line, _ in rows), "line")


def _guess_delimiter(text: str) -> str:
    """Return the delimiter that the header has most of; the first of :data:`DELIMITERS` among equals."""
    header = next(line for line in text.splitlines() if line.strip())
    return max(DELIMITERS.values(), key=header.count)


def _read_parquet(path: Path) -> RawTable:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{path.name}: Parquet files need pyarrow", hint="pip install 'ganbench[parquet]', or save it as CSV") from None
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path.name} cannot be read as Parquet ({str(error).splitlines()[0][:120]})", hint="write it again") from None
    names = tuple(map(str, table.column_names))
    columns = tuple(_texts(name, table.column(i).to_pylist(), path) for i, name in enumerate(names))
    return RawTable(names, columns, tuple(range(1, table.num_rows + 1)), "row")


def _texts(name: str, values: Sequence[object], path: Path) -> tuple[str, ...]:
    """Return values of a Parquet column as texts.

    Raises:
        DataError: they are neither numbers, texts nor truth values.
    """
    kinds = (bool, int, float, str, type(None))
    if (wrong := next(itertools.filterfalse(lambda value: isinstance(value, kinds), values), None)) is not None:
        what = f"{path.name}: column {name!r} holds values of type {type(wrong).__name__}"
        raise DataError(what, hint=f"make them numbers or texts, or leave them out with -o drop={name}")
    return tuple("" if value is None else str(value) for value in values)

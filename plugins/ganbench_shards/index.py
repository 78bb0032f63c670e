"""Where each sample of some shards lies: found by the headers of tar files, or the rows of tables; no image is read for it.

N samples. A tar file as WebDataset writes it holds the parts of a sample one after another, under one name up to its first dot:
``0001.jpg``, ``0001.cls``. https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import os
import tarfile
from array import array
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench import DataError, UsageError
from ganbench_datasets.decode import SUFFIXES
from ganbench_shards.files import TAR, is_remote, opened, read_at

_LONGEST_LABEL = 32
_GROUPS = 4
"""Groups of rows that a process keeps: samples of one group are often read together."""


@dataclass(slots=True)
class Index:
    """The samples in the order of the shards."""

    shards: tuple[str, ...]
    column: str
    """The column of a table's images; empty for tar files."""
    shard: NDArray[np.int32]  # [N]
    offset: NDArray[np.int64]  # [N], in bytes, or the row of a table
    size: NDArray[np.int64]  # [N], in bytes, 0 in a table
    labels: NDArray[np.int64] | None  # [N]

    def __len__(self) -> int:
        return len(self.shard)

    def read(self, number: int) -> bytes:
        """Return the image file of a sample.

        Raises:
            OSError: it cannot be read.
        """
        path, offset, size = self.shards[self.shard[number]], int(self.offset[number]), int(self.size[number])
        if self.column:
            return _image_of_row(path, self.column, offset)
        data = read_at(path, offset, size)
        if len(data) != size:
            raise OSError(0, f"it ends {size - len(data)} bytes too early")
        return data

    def where(self, number: int) -> str:
        """Return what an error calls a sample."""
        return f"{self.shards[self.shard[number]]}, {'row' if self.column else 'byte'} {self.offset[number]}"


@dataclass(slots=True)
class _Found:
    """What is being found."""

    shard: array[int] = field(default_factory=lambda: array("i"))
    offset: array[int] = field(default_factory=lambda: array("q"))
    size: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))


def make_index(shards: tuple[str, ...], image: str, label: str) -> Index:
    """Return the index of some shards, all of one kind.

    Args:
        shards: their paths.
        image: the ending, or the column; empty for the first that is an image.
        label: likewise of the class; empty for none.

    Raises:
        ganbench.errors.DataError: a shard is damaged, or a sample lacks its image or its class.
        ganbench.errors.UsageError: a package is missing.
    """
    _open_table.cache_clear()
    _group.cache_clear()
    found, column = _Found(), ""
    for number, path in enumerate(shards):
        try:
            if path.endswith(TAR):
                _scan_tar(number, path, image, label, found)
            else:
                column = _scan_table(number, path, image, label, found)
        except (OSError, EOFError, tarfile.TarError, ValueError) as error:
            raise DataError(f"shards: {path} cannot be read: {error}", hint="fetch or write it again") from error
    if not found.shard:
        raise DataError(f"shards: no image in {shards[0]}" + (f" and {len(shards) - 1} others" if len(shards) > 1 else ""))
    labels = np.frombuffer(found.labels, np.int64) if label else None
    numbers = (np.frombuffer(found.shard, np.int32), np.frombuffer(found.offset, np.int64), np.frombuffer(found.size, np.int64))
    return Index(shards, column, *numbers, labels)


def _scan_tar(number: int, path: str, image: str, label: str, found: _Found) -> None:
    with opened(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        parts: dict[str, tuple[int, int]] = {}
        before = ""
        for member in archive:
            if not member.isreg():
                continue
            folder, _, name = member.name.rpartition("/")
            stem, _, ending = name.partition(".")
            key = f"{folder}/{stem}"
            if key != before and parts:
                _add_tar_sample(number, path, before, parts, image, label, found)
                parts = {}
            before, parts[ending.lower()] = key, (member.offset_data, member.size)
        if parts:
            _add_tar_sample(number, path, before, parts, image, label, found)


def _add_tar_sample(number: int, path: str, key: str, parts: dict[str, tuple[int, int]], image: str, label: str, found: _Found) -> None:
    wanted = image.lower().lstrip(".")
    images = [one for one in parts if (one == wanted if wanted else f".{one.rpartition('.')[2]}".encode() in SUFFIXES)]
    if not images:
        if wanted:
            raise DataError(f"shards: {path}: {key.strip('/')} has no {wanted} (it has {', '.join(parts)})", hint="see -o image")
        return
    offset, size = parts[images[0]]
    if label:
        where = parts.get(label.lower().lstrip("."))
        text = read_at(path, where[0], min(where[1], _LONGEST_LABEL)) if where else b""
        if not text.strip().isdigit():
            raise DataError(f"shards: {path}: {key.strip('/')} has no whole number as {label} (got {text!r})", hint="see -o label")
        found.labels.append(int(text))
    found.shard.append(number)
    found.offset.append(offset)
    found.size.append(size)


def _scan_table(number: int, path: str, image: str, label: str, found: _Found) -> str:
    """Add the rows of a table; return its column of images."""
    table = _open_table(path, os.getpid())
    column = image or next((name for name in table.names if table.holds_images(name)), "")
    for name in (column, *([label] if label else [])):
        if name not in table.names:
            raise DataError(f"shards: {path} has no column {name or 'of images'!r} (it has {', '.join(table.names)})", hint="see -o image")
    count = int(table.starts[-1])
    found.shard.extend([number] * count)
    found.offset.extend(range(count))
    found.size.extend([0] * count)
    if label:
        for group in range(len(table.starts) - 1):
            values = table.read(group, label).to_pylist()
            if not all(isinstance(value, int) and value >= 0 for value in values):
                raise DataError(f"shards: {path}: the column {label} must hold whole numbers from 0", hint="see -o label")
            found.labels.extend(values)
    return column


class _Table:
    """A Parquet file, or an Arrow file of record batches, by groups of rows.

    Args:
        path: of it.
    """

    def __init__(self, path: str) -> None:
        try:
            import pyarrow as pa
            import pyarrow.ipc
            import pyarrow.parquet
        except ImportError:
            raise UsageError(f"{path} needs pyarrow", hint="pip install 'ganbench[parquet]'") from None
        self._is_parquet = path.endswith(".parquet")
        file = opened(path) if is_remote(path) else pa.OSFile(path)
        try:
            self._file: Any = pa.parquet.ParquetFile(file) if self._is_parquet else pa.ipc.open_file(file)
        except pa.ArrowException as error:
            file.close()
            raise ValueError(str(error).splitlines()[0]) from error
        self._schema = self._file.schema_arrow if self._is_parquet else self._file.schema
        self.names: list[str] = list(self._schema.names)
        if self._is_parquet:
            counts = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        else:
            counts = [self._file.get_batch(group).num_rows for group in range(self._file.num_record_batches)]
        self.starts = np.cumsum([0, *counts])

    def holds_images(self, name: str) -> bool:
        """Return whether a column holds files: bytes, or what Hugging Face's datasets write, with bytes in it."""
        import pyarrow as pa

        kind = self._schema.field(name).type
        if pa.types.is_struct(kind):
            return any(kind.field(number).name == "bytes" for number in range(kind.num_fields))
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def read(self, group: int, name: str) -> Any:
        """Return a column of a group of rows."""
        if self._is_parquet:
            return self._file.read_row_group(group, columns=[name]).column(name)
        return self._file.get_batch(group).column(self.names.index(name))


def _image_of_row(path: str, column: str, row: int) -> bytes:
    table = _open_table(path, os.getpid())
    group = int(np.searchsorted(table.starts, row, side="right")) - 1
    value = _group(path, os.getpid(), column, group)[row - int(table.starts[group])].as_py()
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise OSError(0, f"its {column} holds no bytes")
    return data


@lru_cache(maxsize=16)
def _open_table(path: str, process: int) -> _Table:
    return _Table(path)


@lru_cache(maxsize=_GROUPS)
def _group(path: str, process: int, column: str, group: int) -> Any:
    return _open_table(path, process).read(group, column)

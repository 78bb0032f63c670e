"""Arrays of an .npz file: what one claims to be before memory is taken for it, and its numbers; whatever is wrong is one line."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ganbench import DataError
from ganbench_datasets.npy_stream import NpyHeader, header_of


def open_archive(path: Path, file: BinaryIO) -> np.lib.npyio.NpzFile:
    """Return the arrays of an open file, none of them read yet.

    Raises:
        ganbench.errors.DataError: it is no .npz file.
    """
    try:
        arrays = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not an .npz file or is truncated", hint="write it again with numpy.savez") from error
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise DataError(f"{path} is not an .npz file", hint="rename it to .npy")
    return arrays


def member_header(path: Path, arrays: np.lib.npyio.NpzFile, key: str) -> NpyHeader:
    """Return what an array claims to be, before any memory is taken for it.

    Raises:
        ganbench.errors.DataError: it is damaged.
    """
    names = [name for name in arrays.zip.namelist() if name in (key, f"{key}.npy")]  # type: ignore[union-attr]
    try:
        with arrays.zip.open(names[0]) as file:  # type: ignore[union-attr]
            header = header_of(file)
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: array {key!r} is damaged", hint="write it again as uint8") from error
    size = arrays.zip.getinfo(names[0]).file_size  # type: ignore[union-attr]
    if not header.dtype.hasobject and size < header.offset + header.num_bytes:
        message = f"{path}: array {key!r} is damaged: {size} bytes, its header says {header.offset + header.num_bytes}"
        raise DataError(message, hint="write it again")
    return header


def read_member(path: Path, arrays: np.lib.npyio.NpzFile, key: str) -> NDArray[Any]:
    """Return an array.

    Raises:
        ganbench.errors.DataError: it is damaged.
    """
    try:
        return np.asarray(arrays[key])
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: array {key!r} is damaged or holds Python objects", hint="write it again as uint8") from error

"""uint8 images in a .npy or .npz file; what does not fit is read from the file slice by slice.

Shapes: N images, C channels, H, W height and width.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganbench import DataContext, DataError, Dataset, Source
from ganbench_datasets.array_labels import find_labels
from ganbench_datasets.array_layout import image_layout
from ganbench_datasets.file_list import shown
from ganbench_datasets.holdout import hold_out
from ganbench_datasets.npy_stream import NpyHeader, NpySource, read_header
from ganbench_datasets.npz_archive import member_header, open_archive, read_member
from ganbench_datasets.options import ArrayOptions
from ganbench_spaces.images import image_source

Labels = NDArray[np.int64]
_EXPECTED = "images must be uint8 [N, H, W, C] or [N, C, H, W]"


@dataclass(frozen=True, slots=True)
class _Found:
    """The array before anything is decided about it."""

    path: Path
    header: NpyHeader
    pixels: NDArray[np.uint8] | None
    """None for an array that stays in its file."""
    labels: Labels | None


def build(options: ArrayOptions, context: DataContext) -> Dataset:
    """Return the images of ``options.path``.

    Raises:
        ganbench.errors.DataError: missing, damaged, or of another dtype, rank or shape.
    """
    path = Path(options.path).expanduser()
    if not os.path.isfile(path):
        raise DataError(f"array: path must be a .npy or .npz file (got {options.path!r})", hint="give it with -o path=FILE")
    limit = context.resident_limit_mib * 2**20
    found = _open_npz(path, options, limit) if path.suffix.lower() == ".npz" else _open_npy(path, options, limit)
    channels_last = image_layout(found.header.shape, options.layout)
    num_images = found.header.shape[0]
    train, test = hold_out(num_images, options.test_fraction)
    labels = found.labels
    num_classes = 0 if labels is None else int(labels.max()) + 1
    return Dataset(
        name=f"array:{shown(os.fsencode(path.stem))}",
        train=_source(found, train, channels_last),
        test=_source(found, test, channels_last) if len(test) else None,
        num_classes=num_classes,
        class_names=tuple(map(str, range(num_classes))),
    )


def _open_npy(path: Path, options: ArrayOptions, limit: float) -> _Found:
    header = read_header(path)
    _check(path, header)
    labels = find_labels(path, options.labels, header.shape[0], None)
    if header.num_bytes > limit:
        if header.fortran_order:
            raise DataError(f"{path} is in Fortran order and too large to be held in memory", hint="save it with numpy.ascontiguousarray")
        return _Found(path, header, None, labels)
    return _Found(path, header, _load(path), labels)


def _open_npz(path: Path, options: ArrayOptions, limit: float) -> _Found:
    with path.open("rb") as file:
        return _from_archive(path, open_archive(path, file), options, limit)


def _from_archive(path: Path, arrays: np.lib.npyio.NpzFile, options: ArrayOptions, limit: float) -> _Found:
    key = options.key or _image_key(path, arrays)
    if key not in arrays:
        raise DataError(f"{path} has no array {key!r}", hint=f"it has {', '.join(sorted(arrays))}; choose with -o key=NAME")
    header = member_header(path, arrays, key)
    _check(path, header)
    if header.num_bytes > limit:
        size = f"{header.num_bytes / 2**20:.0f} MiB, more than the {limit / 2**20:.0f} MiB that are kept in memory"
        raise DataError(f"{path}: an .npz file cannot be streamed and {key!r} has {size}", hint="save the images as .npy")
    return _Found(path, header, read_member(path, arrays, key), find_labels(path, options.labels, header.shape[0], arrays))


def _image_key(path: Path, arrays: np.lib.npyio.NpzFile) -> str:
    """Return the one array of four dimensions."""
    keys = [key for key in arrays if len(member_header(path, arrays, key).shape) == 4]
    if len(keys) != 1:
        raise DataError(f"{path} has {len(keys)} arrays of four dimensions", hint=f"choose of {', '.join(sorted(arrays))} with -o key=NAME")
    return keys[0]


def _load(path: Path) -> NDArray[np.uint8]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is damaged or truncated: {str(error).splitlines()[0][:120]}", hint="write it again") from error


def _check(path: Path, header: NpyHeader) -> None:
    if header.dtype.hasobject:
        raise DataError(f"{path} holds Python objects; {_EXPECTED}", hint="such a file could run code when it is read")
    if header.dtype != np.uint8:
        raise DataError(f"{path}: {_EXPECTED} (got {header.dtype})", hint="scale to 0..255 and convert with .round().astype('uint8')")
    if len(header.shape) != 4 or 0 in header.shape:
        raise DataError(f"{path}: {_EXPECTED}, none of them 0 (got shape {list(header.shape)})", hint="reshape it")


def _source(found: _Found, ids: NDArray[np.int32], channels_last: bool) -> Source:
    labels = None if found.labels is None else torch.from_numpy(found.labels[ids])
    if found.pixels is None:
        return NpySource(found.path, found.header, ids, channels_last, labels)
    images = torch.from_numpy(np.ascontiguousarray(found.pixels[ids]))
    return image_source(images.permute(0, 3, 1, 2) if channels_last else images, labels)

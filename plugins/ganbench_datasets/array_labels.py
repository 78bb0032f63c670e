"""The labels that belong to an array of images: in the same .npz file, or in a .npy file of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench import DataError

_USUAL_KEYS = ("labels", "y")


def find_labels(path: Path, stated: str, num_images: int, archive: Mapping[str, NDArray[Any]] | None) -> NDArray[np.int64] | None:
    """Return ``[N]`` labels, or None.

    Args:
        path: the file of the images.
        stated: a key of the archive, a .npy file, none, or empty for what is usual.
        num_images: N.
        archive: the open .npz file; None for a .npy file.

    Raises:
        ganbench.errors.DataError: no such labels, or not N integers from 0.
    """
    if stated == "none":
        return None
    if archive is not None:
        key = stated or next((k for k in _USUAL_KEYS if k in archive), "")
        word = Path(key).name  # a key is a word; where a file or folder is called so too, ganbench took it for a path
        key = word if not word.endswith(".npy") and word in archive else key
        if key in archive:
            return _checked(f"{path}: {key!r}", _read(f"{path}: {key!r}", lambda: archive[key]), num_images)
    if not stated:
        return None
    file = Path(stated).expanduser()
    if not os.path.isfile(file):
        keys = "" if archive is None else f" nor a key of {path.name} ({', '.join(sorted(archive))})"
        raise DataError(f"array: labels is not a file{keys} (got {stated!r})", hint="give a .npy file of integers, or none")
    return _checked(str(file), _read(str(file), lambda: np.load(file, allow_pickle=False)), num_images)


def _read(where: str, load: Any) -> NDArray[Any]:
    try:
        return np.asarray(load())
    except Exception as error:  # zipfile, zlib, pickle and the file system each have their own
        raise DataError(f"{where} cannot be read as labels ({type(error).__name__})", hint="write it again as integers") from error


def _checked(where: str, labels: NDArray[Any], num_images: int) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu" or labels.shape != (num_images,):
        raise DataError(f"{where} must be {num_images} integers, one for each image (got {labels.dtype} {list(labels.shape)})")
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise DataError(f"{where} must be class numbers from 0 (got {low})")
    if high >= num_images:  # more classes than images: not classes but numbers of people, or values that wrapped
        hint = "number the classes anew: numpy.unique(labels, return_inverse=True)[1]"
        raise DataError(f"{where} must be class numbers from 0, below the {num_images} images (got {high})", hint=hint)
    return labels.astype(np.int64)

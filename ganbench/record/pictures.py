"""What a run shows of its samples: a picture for each moment, drawn by the space of the samples, and a strip of them over training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from ganbench.data.space import Space
from ganbench.record.directory import RunDirectory
from ganbench.record.files import write_bytes

_STRIP_MOMENTS = 12


def save_picture(space: Space, samples: Tensor, path: Path, *, columns: int, real: Callable[[int], Tensor]) -> Path:
    """Write the picture of samples, with the suffix that the space gives to ``path``, and return where.

    Args:
        space: what one sample is.
        samples: ``[n, *stored_size]``.
        path: where to, without a suffix.
        columns: samples in a row, where there are rows.
        real: returns the first stored samples of the train split, for comparison.

    Raises:
        StorageError: the disk is full or not writable.
    """
    whole = path.with_name(path.name + space.picture_suffix)
    write_bytes(whole, space.picture(samples.cpu(), columns=columns, real=real))
    return whole


def save_strip(directory: RunDirectory, space: Space) -> Path | None:
    """Write ``progress.png`` of a run from the pictures of at most 12 moments, evenly chosen with the first and the last.

    Returns:
        Its path, or None where there are no pictures that the space makes a strip of.

    Raises:
        StorageError: the disk is full or not writable.
    """
    pictures = sorted(path for path in directory.samples_path.glob(f"*{space.picture_suffix}") if path.stem.isdigit())
    strip = space.strip([(f"{int(path.stem) / 1000:.4g} kimg", path) for path in _evenly(pictures, _STRIP_MOMENTS)])
    if strip is None:
        return None
    write_bytes(directory.progress_path, strip)
    return directory.progress_path


def _evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """Return at most ``count`` of them, evenly spread, the first and the last among them."""
    if len(paths) <= count:
        return list(paths)
    return [paths[round(i * (len(paths) - 1) / (count - 1))] for i in range(count)]

"""What a run shows of its samples: a picture for each moment, drawn by the space of the samples, and a strip of them over training."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from ganbench.data.space import Space
from ganbench.errors import GanbenchError
from ganbench.record.directory import RunDirectory
from ganbench.record.files import write_bytes

logger = logging.getLogger(__name__)

_STRIP_MOMENTS = 12


@contextlib.contextmanager
def picture_errors(name: str) -> Iterator[None]:
    """Turn whatever fails in drawing into a warning: a picture that cannot be drawn ends no run. A full disk is passed on."""
    try:
        yield
    except GanbenchError:
        raise
    except Exception as error:
        logger.debug("drawing %s failed", name, exc_info=True)
        logger.warning("there is no %s: %s: %s", name, type(error).__name__, error)


def save_picture(space: Space, samples: Tensor, path: Path, *, columns: int, real: Callable[[int], Tensor]) -> Path | None:
    """Write the picture of samples, with the suffix that the space gives to ``path``, and return where; None where it cannot be drawn.

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
    with picture_errors(f"{path.parent.name}/{whole.name}"):
        write_bytes(whole, space.picture(samples.cpu(), columns=columns, real=real))
        return whole
    return None


def save_strip(directory: RunDirectory, space: Space) -> Path | None:
    """Write ``progress.png`` of a run and ``progress.webp``, which moves, of at most 12 moments, evenly chosen with the first and the last.

    Returns:
        The path of the PNG, or None where there are no pictures that the space makes a strip of.

    Raises:
        StorageError: the disk is full or not writable.
    """
    pictures = sorted(path for path in directory.samples_path.glob(f"*{space.picture_suffix}") if path.stem.isdigit())
    moments = [(f"{int(path.stem) / 1000:.4g} kimg", path) for path in _evenly(pictures, _STRIP_MOMENTS)]
    film, strip = space.film(moments), space.strip(moments)
    for suffix, content in ((".webp", film), (".png", strip)):
        if content is not None:
            write_bytes(directory.progress_path.with_suffix(suffix), content)
    return None if strip is None else directory.progress_path


def _evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """Return at most ``count`` of them, evenly spread, the first and the last among them."""
    count = min(count, len(paths))
    return [paths[round(i * (len(paths) - 1) / max(count - 1, 1))] for i in range(count)]

"""The files of ``ganbench sample``: a sheet to look at, arrays for programs, what the space writes, a film.

Shapes: N samples, K neighbours of each.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganbench import Space, storage_errors

_FRAME_MILLISECONDS = 150


def write_samples(
    out: Path,
    forms: Sequence[str],
    samples: Tensor,
    *,
    space: Space,
    columns: int,
    real: Callable[[int], Tensor],
    arrays: Mapping[str, Tensor | None],
    near: tuple[Tensor, Tensor, Tensor] | None,
) -> None:
    """Write samples into a folder.

    Args:
        out: the folder, which is made.
        forms: of ``sheet``, ``npz``, ``files``, ``gif``.
        samples: ``[N, *stored_size]`` on the CPU.
        space: theirs.
        columns: samples in a row of a sheet.
        real: returns the first stored samples of the train split.
        arrays: what else the ``.npz`` holds of each sample, by name: ``[N or more, ...]``; None for what there is not.
        near: of the nearest real samples the places ``[N, K]``, the distances ``[N, K]``, and the stored samples ``[N * K, *stored_size]``.

    Raises:
        StorageError: the disk is full or not writable.
    """
    kept = {name: tensor[: len(samples)] for name, tensor in arrays.items() if tensor is not None}
    if near is not None:
        kept |= {"neighbours": near[0], "distances": near[1]}
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        if "sheet" in forms:
            sheet = out / f"sheet{space.picture_suffix}"
            sheet.write_bytes(space.picture(samples, columns=columns, real=real))
            if sheet.suffix != ".png" and (seen := space.strip([("generated", sheet)])) is not None:  # what is to be heard, to look at
                sheet.with_suffix(".png").write_bytes(seen)
        if "sheet" in forms and near is not None:
            (out / f"neighbours{space.picture_suffix}").write_bytes(_beside(samples, near[2], space, real))
        if "npz" in forms:
            np.savez(out / "samples.npz", **{name: tensor.numpy() for name, tensor in {"samples": samples, **kept}.items()})  # type: ignore[arg-type]
        if "gif" in forms:
            (out / "samples.gif").write_bytes(_film(samples, space, columns, real))
        for name, content in space.files(samples) if "files" in forms else ():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)


def _beside(samples: Tensor, real_ones: Tensor, space: Space, real: Callable[[int], Tensor]) -> bytes:
    """Return a picture with a row for each sample, its neighbours behind it."""
    rows = torch.cat([samples[:, None], real_ones.reshape(len(samples), -1, *samples.shape[1:])], dim=1)  # [N, 1 + K, *stored_size]
    return space.picture(rows.flatten(0, 1), columns=rows.shape[1], real=real)


def _film(samples: Tensor, space: Space, columns: int, real: Callable[[int], Tensor]) -> bytes:
    """Return an animated GIF that shows the columns of a sheet one after the other, each as a picture of its own."""
    pictures = []
    for column in range(min(columns, len(samples))):
        shown = samples[column::columns]
        content = space.picture(shown, columns=math.isqrt(len(shown) - 1) + 1, real=real)
        pictures.append(Image.open(io.BytesIO(content)).convert("RGB"))
    buffer = io.BytesIO()
    first, *others = [picture for picture in pictures if picture.size == pictures[0].size]
    first.save(buffer, format="GIF", save_all=True, append_images=others, duration=_FRAME_MILLISECONDS, loop=0)
    return buffer.getvalue()

"""The frozen digits: 500 samples of a DCGAN and what every metric said of them. Made by :mod:`ganbench_extractors.freeze`.

``frozen/digits.png`` holds the images side by side, row by row, and ``frozen/digits.json`` their scores with the evaluation keys.

Shapes: N images, one channel, S x S pixels.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganbench import FrozenSamples, FrozenScore, PluginError

FOLDER = Path(__file__).parent / "frozen"
COLUMNS = 25
"""Images side by side in the picture."""
_AGAIN = "install ganbench again"


def build_digits(options: object) -> FrozenSamples:
    """Return the frozen digits."""
    return read_samples(FOLDER / "digits.json")


def read_samples(manifest: Path) -> FrozenSamples:
    """Read frozen samples.

    Args:
        manifest: the JSON file; the picture lies beside it.

    Raises:
        PluginError: a file is missing or damaged.
    """
    try:
        stored: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        images = read_mosaic(manifest.with_suffix(".png"), int(stored["num_images"]))
        samples = FrozenSamples(
            images=images, dataset=str(stored["dataset"]), scores=tuple(FrozenScore(**score) for score in stored["scores"])
        )
        expected = stored["images_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PluginError(f"cannot read the frozen samples {manifest}: {type(error).__name__}: {error}", hint=_AGAIN) from error
    if (found := images_sha256(images)) != expected:
        raise PluginError(f"the frozen samples beside {manifest} are damaged: sha256 must be {expected} (got {found})", hint=_AGAIN)
    return samples


def images_sha256(images: Tensor) -> str:
    """Return sha256 over the pixels."""
    return hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest()


def read_mosaic(path: Path, count: int) -> Tensor:
    """Return the first images of a picture.

    Args:
        path: a grey PNG with :data:`COLUMNS` square images in a row.
        count: N.

    Returns:
        ``[N, 1, S, S]`` uint8.

    Raises:
        ValueError: the picture has another form, or holds fewer.
    """
    with Image.open(path) as picture:
        pixels = torch.from_numpy(np.array(picture))
    size = pixels.shape[1] // COLUMNS if pixels.ndim == 2 and pixels.dtype == torch.uint8 else 0
    if not size or pixels.shape[1] % COLUMNS or pixels.shape[0] % size or not 0 < count <= pixels.shape[0] // size * COLUMNS:
        raise ValueError(f"{path} must be grey with {count} square images in rows of {COLUMNS} (got {pixels.dtype} {list(pixels.shape)})")
    tiles = pixels.view(-1, size, COLUMNS, size).transpose(1, 2)  # [rows, COLUMNS, S, S]
    return tiles.reshape(-1, 1, size, size)[:count].contiguous()


def write_mosaic(images: Tensor, path: Path) -> None:
    """Write images as a picture, which :func:`read_mosaic` reads.

    Args:
        images: ``[N, 1, S, S]`` uint8; rows that are not full end in black images.
        path: the PNG.
    """
    count, _, size, _ = images.shape
    rows = -(-count // COLUMNS)
    tiles = torch.zeros(rows * COLUMNS, size, size, dtype=torch.uint8)
    tiles[:count] = images[:, 0]
    pixels = tiles.view(rows, COLUMNS, size, size).transpose(1, 2).reshape(rows * size, COLUMNS * size)
    Image.fromarray(pixels.numpy()).save(path, "PNG", optimize=True)

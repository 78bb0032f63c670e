"""Squares cut from photographs at their own resolution, split by photograph: those that scikit-image and scikit-learn ship, or any folder.

Only what lies in the wheels is read, nothing is downloaded. The motorcycle is a stereo pair, so both of its pictures are on one side of the
split. What scikit-image has from telescopes and microscopes is left out. Shapes: n squares of one photograph, C channels, H = W.
"""

from __future__ import annotations

import importlib.util
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench import DataContext, DataError, Dataset, Source
from ganbench_datasets.decode import open_upright
from ganbench_datasets.file_list import list_images, shown
from ganbench_datasets.holdout import hold_out
from ganbench_datasets.options import PhotographsOptions
from ganbench_spaces.images import image_source

SHIPPED = {
    "skimage/data/motorcycle_left.png": "train",
    "skimage/data/motorcycle_right.png": "train",
    "skimage/data/rocket.jpg": "train",
    "sklearn/datasets/images/china.jpg": "train",
    "skimage/data/astronaut.png": "test",
    "skimage/data/chelsea.png": "test",
    "skimage/data/coffee.png": "test",
    "sklearn/datasets/images/flower.jpg": "test",
}
"""Where each photograph lies in its distribution, and on which side of the split it is."""
TEST_SIDE = 5
"""A held-out photograph gives so many squares across and down, evenly spread, whatever its size: four of them give 100."""


@dataclass(frozen=True, slots=True)
class _Photograph:
    path: Path
    name: str


def build(options: PhotographsOptions, context: DataContext) -> Dataset:
    """Return the squares.

    Raises:
        ganbench.errors.DataError: no photograph, one that cannot be read or is smaller than a square, or more squares than memory may hold.
    """
    train, test = _of_folder(options) if options.path else _shipped()
    size, step = options.resolution, options.stride or max(options.resolution // 2, 1)
    room = context.resident_limit_mib * 2**20
    splits: list[Source | None] = []
    for photographs, even in ((train, False), (test, True)):
        squares = []
        for one in photographs:
            image = _read(one, int(options.channels))
            _check_size(one, image, size)
            squares.append(_cut(image, size, *((_even(n, size) if even else _strided(n, size, step)) for n in image.shape[1:])))
            room -= squares[-1].numel()
            if room < 0:
                need = f"squares of {size}x{size} every {step} pixels need more than {context.resident_limit_mib} MiB"
                raise DataError(f"photographs: {need}", hint="use a larger -o dataset.stride, or a higher data.resident_limit_mib")
        splits.append(image_source(torch.cat(squares)) if squares else None)
    assert splits[0] is not None
    name = f"photographs:{shown(os.fsencode(Path(options.path).expanduser().resolve().name))}" if options.path else "photographs"
    return Dataset(name=name, train=splits[0], test=splits[1])


def _shipped() -> tuple[list[_Photograph], list[_Photograph]]:
    sides: dict[str, list[_Photograph]] = {"train": [], "test": []}
    for name, side in SHIPPED.items():
        package, _, inner = name.partition("/")
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise DataError(
                "photographs: scikit-image is not installed, whose photographs these are",
                hint="pip install 'ganbench[photographs]', or give a folder of your own with -o dataset.path=DIR",
            )
        sides[side].append(_Photograph(Path(found.origin).parent / inner, name))
    return sides["train"], sides["test"]


def _of_folder(options: PhotographsOptions) -> tuple[list[_Photograph], list[_Photograph]]:
    root = Path(options.path).expanduser()
    if not os.path.isdir(root):
        raise DataError(f"photographs: path must be a directory (got {options.path!r})", hint="give it with -o dataset.path=DIR")
    files = list_images(root).files
    if not len(files):
        raise DataError(f"photographs: no image below {root}")
    split = hold_out(len(files), options.test_fraction)
    train, test = ([_Photograph(Path(os.fsdecode(files.path(int(i)))), shown(files.name(int(i)))) for i in part] for part in split)
    return train, test


def _read(photograph: _Photograph, channels: int) -> Tensor:
    """Return ``[C, H, W]`` uint8."""
    try:
        image = open_upright(io.BytesIO(photograph.path.read_bytes())).convert("RGB")
    except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
        raise DataError(f"photographs: {photograph.name} cannot be read ({error})", hint="mend or remove it") from error
    pixels = np.array(image if channels == 3 else image.convert("L"))
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1)


def _check_size(photograph: _Photograph, image: Tensor, size: int) -> None:
    height, width = image.shape[1:]
    if min(height, width) < size:
        what = f"photographs: {photograph.name} is {height}x{width}, smaller than a square of {size}x{size}"
        raise DataError(what, hint="use a smaller -o dataset.resolution, or remove it")


def _strided(length: int, size: int, step: int) -> list[int]:
    return list(range(0, length - size + 1, step))


def _even(length: int, size: int) -> list[int]:
    return sorted({round(i * (length - size) / (TEST_SIDE - 1)) for i in range(TEST_SIDE)})


def _cut(image: Tensor, size: int, tops: list[int], lefts: list[int]) -> Tensor:
    """Return ``[n, C, size, size]``."""
    return torch.stack([image[:, top : top + size, left : left + size] for top in tops for left in lefts])

"""Squares cut from photographs: those that ship, split by photograph, and any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench import DataContext, DataError, Dataset
from ganbench_datasets import photographs
from ganbench_datasets.options import PhotographsOptions
from ganbench_datasets.photographs import SHIPPED, build

CONTEXT = DataContext(data_root=None, download=False, resident_limit_mib=512)


def folder(path: Path, *sizes: tuple[int, int]) -> Path:
    """Write one photograph of each height and width: a gradient, and its number in blue."""
    path.mkdir()
    for number, (height, width) in enumerate(sizes):
        pixels = np.zeros((height, width, 3), dtype=np.uint8)
        pixels[..., 0], pixels[..., 1], pixels[..., 2] = np.arange(height)[:, None], np.arange(width), number
        Image.fromarray(pixels).save(path / f"{number}.png")
    return path


def made(path: Path, **options: Any) -> Dataset:
    """Return the squares of a folder."""
    return build(PhotographsOptions(path=str(path), **options), CONTEXT)


def test_the_shipped_photographs_give_the_same_squares_everywhere() -> None:
    """Held out: 25 of each of four; to train on: every 48 pixels of four others, the stereo pair among them."""
    squares = build(PhotographsOptions(), CONTEXT)
    assert squares.test is not None
    assert squares.space.size == (3, 96, 96)
    assert squares.test.num_samples == 100
    sizes = [(500, 741), (500, 741), (427, 640), (427, 640)]
    assert squares.train.num_samples == sum(((h - 96) // 48 + 1) * ((w - 96) // 48 + 1) for h, w in sizes)
    sides = {name.rpartition("/")[2].partition("_")[0]: side for name, side in SHIPPED.items()}
    assert sides["motorcycle"] == "train"
    assert list(SHIPPED.values()).count("test") == 4


def test_grey_squares_are_the_colour_ones_in_grey() -> None:
    """As many, with one channel."""
    colour, grey = (build(PhotographsOptions(channels=channels), CONTEXT) for channels in ("3", "1"))
    assert grey.space.size == (1, 96, 96)
    assert grey.train.num_samples == colour.train.num_samples


def test_a_square_is_a_part_of_its_photograph_at_its_own_resolution(tmp_path: Path) -> None:
    """Nothing is resized: each square is where its first pixel says."""
    squares = made(folder(tmp_path / "in", (20, 30)), resolution=8, stride=5, test_fraction=0.0)
    stored = squares.train.read(torch.arange(squares.train.num_samples))
    places = [(top, left) for top in range(0, 13, 5) for left in range(0, 23, 5)]
    assert [(int(one[0, 0, 0]), int(one[1, 0, 0])) for one in stored] == places
    for square, (top, left) in zip(stored, places, strict=True):
        assert square[0].tolist() == [[row] * 8 for row in range(top, top + 8)]
        assert square[1].tolist() == [list(range(left, left + 8))] * 8
    assert squares.test is None


def test_a_folder_is_split_by_photograph(tmp_path: Path) -> None:
    """No photograph has squares on both sides; a quarter is held out."""
    squares = made(folder(tmp_path / "in", *[(16, 16)] * 8), resolution=8)
    assert squares.test is not None
    sides = [set(split.read(torch.arange(split.num_samples))[:, 2].unique().tolist()) for split in (squares.train, squares.test)]
    assert [len(side) for side in sides] == [6, 2]
    assert sides[0].isdisjoint(sides[1])
    assert squares.name == "photographs:in"


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([(64, 64), (40, 64)], {"resolution": 48}, "1.png is 40x64, smaller than a square of 48x48"),
        ([], {}, "no image below"),
        ([(16, 16)], {"resolution": 8, "test_fraction": 0.9}, "holds out all of 1 images"),
    ],
)
def test_what_cannot_be_cut_is_named(tmp_path: Path, sizes: list[tuple[int, int]], options: dict[str, Any], message: str) -> None:
    """The file, its size and the square's."""
    with pytest.raises(DataError, match=message):
        made(folder(tmp_path / "in", *sizes), **options)


def test_a_damaged_photograph_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    """Each in one line."""
    folder(tmp_path / "in", (16, 16))
    (tmp_path / "in" / "9.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"9\.png cannot be read"):
        made(tmp_path / "in", resolution=8, test_fraction=0.0)
    with pytest.raises(DataError, match="path must be a directory"):
        made(tmp_path / "other")


@pytest.mark.slow
def test_more_squares_than_memory_may_hold_are_refused(tmp_path: Path) -> None:
    """With what helps."""
    little = DataContext(data_root=None, download=False, resident_limit_mib=1)
    options = PhotographsOptions(path=str(folder(tmp_path / "in", (200, 200))), resolution=64, stride=1, test_fraction=0.0)
    with pytest.raises(DataError, match="squares of 64x64 every 1 pixels need more than 1 MiB"):
        build(options, little)


def test_without_scikit_image_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or to give a folder."""
    monkeypatch.setattr(photographs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"scikit-image is not installed") as failure:
        build(PhotographsOptions(), CONTEXT)
    assert "ganbench[photographs]" in str(failure.value)

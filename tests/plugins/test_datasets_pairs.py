"""Pairs side by side: halves become channels, resident or streamed, and pix2pix trains on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.config.resolve import Layer
from ganbench.data.source import ArraySource, DataContext
from ganbench.errors import DataError
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import build as build_run
from ganbench.run.plan import plan_run
from ganbench.training.algorithm import execute
from ganbench_datasets.options import PairsOptions
from ganbench_datasets.pairs import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files of two 16x16 images: the left one red with the file's number as level, the right one blue."""
    for number in range(6):
        pixels = np.zeros((16, 32, 3), dtype=np.uint8)
        pixels[:, :16, 0] = 10 * number
        pixels[:, 16:, 2] = 200 + number
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def test_halves_become_channels(folder: Path) -> None:
    """Left first; colours stay apart at the border between the halves."""
    made = build(PairsOptions(path=str(folder), resolution=8), DataContext())
    assert (made.name, made.space.size[0], made.train.num_samples) == (f"pairs:{folder.name}", 6, 6)
    images = made.train.read(torch.arange(6))
    levels = torch.arange(6, dtype=torch.uint8)
    assert torch.equal(images[:, 0], (10 * levels)[:, None, None].expand(6, 8, 8))
    assert torch.equal(images[:, 5], (200 + levels)[:, None, None].expand(6, 8, 8))
    assert not images[:, 1:5].any()


def test_what_does_not_fit_streams_with_the_same_content(folder: Path) -> None:
    """One hash for both."""
    options = PairsOptions(path=str(folder), resolution=8, channels="1")
    resident, streamed = build(options, DataContext()), build(options, DataContext(resident_limit_mib=0.0))
    assert isinstance(resident.train, ArraySource)
    assert not streamed.train.is_resident
    assert resident.train.content_hash == streamed.train.content_hash
    assert resident.space.size[0] == 2


def test_held_out_pairs_come_from_their_own_folder_or_are_a_fraction(folder: Path) -> None:
    """Not both."""
    of_folder = build(PairsOptions(path=str(folder), test_path=str(folder), resolution=8), DataContext())
    assert of_folder.test is not None
    assert of_folder.test.content_hash == of_folder.train.content_hash
    parted = build(PairsOptions(path=str(folder), test_fraction=0.34, resolution=8), DataContext())
    assert parted.test is not None
    assert (parted.train.num_samples, parted.test.num_samples) == (4, 2)
    with pytest.raises(ValueError, match=r"test_fraction must be 0 with test_path \(got 0.5\)"):
        PairsOptions(path="a", test_path="b", test_fraction=0.5)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """And one that is not there."""
    with pytest.raises(DataError, match="no image below"):
        build(PairsOptions(path=str(tmp_path)), DataContext())
    with pytest.raises(DataError, match="path must be a directory"):
        build(PairsOptions(path=str(tmp_path / "none")), DataContext())


@pytest.mark.slow
def test_pix2pix_trains_on_them(folder: Path) -> None:
    """From the right half to the left one, as its recipe does; the reference is the left one alone."""
    settings: dict[str, Any] = {
        "dataset.name": "pairs",
        "dataset.options.path": str(folder),
        "dataset.options.resolution": 16,
        "architecture.options.width": 2,
        "architecture.options.discriminator_width": 2,
        "architecture.options.patch_layers": 1,
        "training.device": "cpu",
        "evaluation.metrics": (),
    }
    manager = PluginManager()
    made = build_run(plan_run(manager, "pix2pix-256", [Layer(origin="test", settings=settings)]), manager)
    execute(made.algorithm, 0)
    assert torch.isfinite(made.algorithm.trajectory()).all()
    translation = made.networks.inputs
    assert translation is not None
    assert translation.reference(made.dataset).train.read(torch.arange(6))[:, 0].any()
    assert not translation.reference(made.dataset).train.read(torch.arange(6))[:, 1:].any()

"""The labels of a dataset, whoever made it: their range, and a note of every class that is empty."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.data.source import Dataset
from ganbench.errors import PluginError
from ganbench.run import build
from ganbench.run.lifecycle import Run
from ganbench_spaces.images import image_source


def dataset(train: list[int], test: list[int] | None = None, *, classes: int = 3, names: tuple[str, ...] = ()) -> Dataset:
    """Return images with these labels."""
    splits = [
        None if labels is None else image_source(torch.zeros(len(labels), 1, 4, 4).byte(), torch.tensor(labels)) for labels in (train, test)
    ]
    assert splits[0] is not None
    return Dataset(name="d", train=splits[0], test=splits[1], num_classes=classes, class_names=names)


def notes(made: Dataset) -> tuple[str, ...]:
    """Return what is noted."""
    return build._with_classes_counted(made).notes


def test_every_class_that_is_empty_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    """Of each split, by its name where it has one, as a warning too; more than ten are counted."""
    assert notes(dataset([0, 1, 2], [2, 1, 0])) == ()
    with caplog.at_level(logging.WARNING):
        assert notes(dataset([0, 2], [0], names=("cat", "dog", "eel"))) == (
            "1 of 3 classes have no images in the train split: dog",
            "2 of 3 classes have no images in the test split: dog, eel",
        )
    assert "d: 1 of 3 classes have no images in the train split: dog" in caplog.text
    (many,) = notes(dataset([0, 30], classes=31))
    assert many == "29 of 31 classes have no images in the train split: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 19 more"
    assert notes(Dataset(name="d", train=image_source(torch.zeros(2, 1, 4, 4).byte()))) == ()


@pytest.mark.parametrize(("labels", "got"), [([0, 3], 3), ([-1, 2], -1)])
def test_a_label_that_is_no_class_is_refused(labels: list[int], got: int) -> None:
    """In either split."""
    for train, test, split in ((labels, None, "train"), ([0, 1], labels, "test")):
        message = f"the {split} labels of d must be from 0 to 2, one less than its classes .got {got}."
        with pytest.raises(PluginError, match=message):
            notes(dataset(train, test))


def test_every_class_has_a_name_or_none_has() -> None:
    """Otherwise no note could be written."""
    with pytest.raises(PluginError, match=r"d must have one name for each of its 3 classes \(got 2\)"):
        notes(dataset([0], names=("a", "b")))


def test_a_class_whose_images_are_all_damaged_is_in_the_record_of_the_run(new_run: Callable[..., Run], tmp_path: Path) -> None:
    """Folders are classes before anything is decoded; one that a held-out part has emptied is found alike."""
    for name, good in (("a", True), ("b", False), ("c", True)):
        for index in range(16):
            path = tmp_path / name / f"{index:02d}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.full((8, 8), index, dtype=np.uint8)).save(path) if good else path.write_bytes(b"no image")
    settings = {
        "dataset.name": "folder",
        "dataset.options.path": str(tmp_path),
        "dataset.options.labels": True,
        "dataset.options.channels": "1",
    }
    made = new_run({**settings, "evaluation.metrics": ()}).materials.dataset
    assert made.num_classes == 3
    assert made.notes[-1] == "1 of 3 classes have no images in the train split: b"

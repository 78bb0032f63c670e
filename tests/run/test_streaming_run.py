"""A run on a dataset that streams is the run on the same dataset in memory, at any number of workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 50 grey images in two classes: batches of 24 cross the epochs' borders."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for index in range(50):
        path = folder / "ab"[index % 2] / f"{index:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("conditional", [False, True])
def test_streaming_changes_no_bit(
    trained: Callable[..., Any],
    weights: Callable[[Any], Weights],
    changed: Callable[[Weights, Weights], list[str]],
    pictures: Path,
    conditional: bool,
) -> None:
    """Networks, averages and the fingerprint of the losses, labels and flips included."""
    settings = {
        "dataset.name": "folder",
        "dataset.options.path": str(pictures),
        "dataset.options.channels": "1",
        "dataset.options.labels": True,
        "architecture.options.conditional": conditional,
        "training.horizontal_flip": True,
        "evaluation.metrics": (),
    }
    resident = trained(settings)
    for workers in (0, 2):
        streamed = trained(settings | {"data.resident_limit_mib": 0.0, "training.workers": workers})
        assert changed(weights(resident), weights(streamed)) == []
        assert streamed.record.work == resident.record.work
        assert streamed.record.dataset_hash == resident.record.dataset_hash

"""One run on several processes, by gloo: the networks of one process, one line for a death, and a resume to the same bits."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import ganbench
import together

pytestmark = pytest.mark.slow

STEPS = 50
BATCH = 16
SMALL: dict[str, Any] = {
    "training.batch_size": BATCH,
    "training.total_kimg": STEPS * BATCH / 1000,
    "training.threads": 1,
    "training.device": "cpu",
    "evaluation.metrics": (),
}
DCGAN = {
    **SMALL,
    "dataset.name": "digits",
    "architecture.options.generator_width": 8,
    "architecture.options.discriminator_width": 8,
    "architecture.options.generator_norm": "virtual",
    "architecture.options.discriminator_norm": "none",
}
RESNET = {**SMALL, "dataset.name": "digits", "architecture.options.generator_width": 8, "architecture.options.discriminator_width": 8}
CASES: together.Cases = {
    "dcgan": ("dcgan", DCGAN),
    "wgan-gp": ("mlp", {**SMALL, "dataset.name": "ring8", "loss.name": "wasserstein", "loss.options.gradient_penalty": 10, "training.d_steps": 2}),
    "r1": ("dcgan", {**DCGAN, "loss.options.r1_gamma": 1}),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with each case trained by 1, 2 and 4 processes, and by 2 once more."""
    folder = tmp_path_factory.mktemp("together")
    for name, world in (("1", 1), ("2", 2), ("4", 4), ("again", 2)):
        together.train(world, CASES, folder / name)
    return folder


@pytest.mark.parametrize("world", ["2", "4"])
@pytest.mark.parametrize("case", CASES)
def test_the_networks_are_those_of_one_process(case: str, world: str, trained: Path) -> None:
    """After 50 steps at the same batch of all together."""
    alone, shared = (together.networks(trained / name / case) for name in ("1", world))
    assert alone.keys() == shared.keys()
    for name, tensor in alone.items():
        torch.testing.assert_close(shared[name], tensor, rtol=0, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("case", CASES)
def test_twice_the_same_bits(case: str, trained: Path) -> None:
    """With the same number of processes."""
    one, other = (together.networks(trained / name / case) for name in ("2", "again"))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())

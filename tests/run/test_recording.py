"""From what happened to the record: collapse, the fingerprint of the losses, the work key."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ganbench.run.lifecycle import Run
from ganbench.run.recording import config_values, trajectory_hash


def test_the_trajectory_hash_is_over_the_float32_losses() -> None:
    """Anyone can compute it again from the events."""
    losses = torch.tensor([[1.5, 0.25], [1.25, 0.5]])
    assert trajectory_hash(losses) == hashlib.sha256(struct.pack("<4f", 1.5, 0.25, 1.25, 0.5)).hexdigest()


def test_configuration_values_are_plain() -> None:
    """Tuples become lists of strings; the rest stays as it is."""
    assert config_values({"a.b": 1, "c": ("x", "y"), "d": None, "e": True}) == {"a.b": 1, "c": ["x", "y"], "d": None, "e": True}


SAME_WORK = [
    {"training.seed": 9},
    {"training.workers": 0},
    {"training.precision": "bf16"},
    {"training.channels_last": False},
    {"training.deterministic": True},
    {"evaluation.every_kimg": 0.05},
    {"evaluation.metrics": ()},
    {"checkpoint.keep": 5},
    {"training.force": True},
    {"data.resident_limit_mib": 1.0},
]
OTHER_WORK = [
    {"training.total_kimg": 0.5},
    {"training.batch_size": 12},
    {"training.d_steps": 2},
    {"training.ema_halflife_kimg": 9.0},
    {"loss.name": "hinge"},
    {"loss.options.r1_gamma": 1.0, "architecture.options.discriminator_norm": "none"},
    {"generator_optimizer.learning_rate": 0.001},
    {"architecture.options.generator_width": 8},
    {"dataset.options.resolution": 16},
]


@pytest.fixture
def work(new_run: Callable[..., Run]) -> Callable[[dict[str, Any]], str]:
    """Return a function that gives the digest of the work key of a tiny run with some settings changed."""
    from ganbench.run.recording import work_key

    def digest(settings: dict[str, Any]) -> str:
        return work_key(new_run({"evaluation.metrics": (), **settings}).materials).digest

    return digest


@pytest.mark.parametrize("settings", SAME_WORK, ids=lambda s: "-".join(s))
def test_how_and_where_it_was_run_is_not_the_work(work: Callable[[dict[str, Any]], str], settings: dict[str, Any]) -> None:
    """Seeds are repetitions of one work; the machine, the numerics and the measurement have their own keys."""
    assert work(settings) == work({})


@pytest.mark.parametrize("settings", OTHER_WORK, ids=lambda s: "-".join(s))
def test_what_was_computed_is_the_work(work: Callable[[dict[str, Any]], str], settings: dict[str, Any]) -> None:
    """Budget, batch, loss, networks, optimizer and data."""
    assert work(settings) != work({})

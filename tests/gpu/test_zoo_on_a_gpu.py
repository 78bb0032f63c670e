"""The architectures that come with ganbench: replayed graphs are the eager steps, and no step waits for the device."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from zoo import small_cases

CASES = small_cases()
NAMES = ["mlp", "cgan-mlp", "wgan-conv", "resnet", "biggan", "sagan", "r3gan", "stylegan2", "progressive", "cyclegan", "pix2pix"]
"""Each architecture but dcgan, which has tests of its own; with the recipes whose steps are made of something else."""
NAMES += ["wgan", "lsgan", "gan-2014", "pacgan-2d", "sngan-projection", "acgan", "wgan-gp"]
ITERATIONS = 4


@pytest.mark.parametrize("name", NAMES)
def test_replayed_graphs_equal_eager_steps_bit_for_bit(start: Callable[..., Any], changed: Callable[..., Any], name: str) -> None:
    """With deterministic algorithms; parameters, buffers, optimizer state, statistics and losses."""
    settings = {**CASES[name], "training.deterministic": True}
    eager = start("eager", name, **settings)
    if "cuda_graph" not in eager.materials.algorithm.runners:
        pytest.skip(f"{name} does not claim it")
    eager.advance(ITERATIONS)
    graph = start("cuda_graph", name, **settings).advance(ITERATIONS)
    assert torch.isfinite(graph.losses()).all()
    assert torch.equal(eager.losses(), graph.losses())
    assert changed(eager.tensors(), graph.tensors()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_step_never_waits_for_the_device(start: Callable[..., Any], name: str) -> None:
    """Written out, in bf16, after the first steps."""
    training = start("eager", name, **{**CASES[name], "training.precision": "bf16"}).advance(2)
    torch.cuda.synchronize()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*prototype feature.*")
        torch.cuda.set_sync_debug_mode("error")
    try:
        training.advance(2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(training.losses()).all()

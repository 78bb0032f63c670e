"""Replayed graphs are the eager steps: the same bits, no waiting for the device, and a state that can be saved and taken up again."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from objectives import OBJECTIVES

RUNNERS = ("eager", "cuda_graph")
ITERATIONS = 8
EPOCH_BORDER = 25
"""Iterations of 64 images after which the 1437 digits have come round once."""


@contextmanager
def no_synchronisation() -> Iterator[None]:
    """Make every wait for the device an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*prototype feature.*")
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_wait_for_the_device_is_an_error_in_these_tests() -> None:
    """So that the next test can fail."""
    with no_synchronisation(), pytest.raises(RuntimeError, match="synchroniz"):
        torch.ones(1, device="cuda").item()


@pytest.mark.parametrize(
    "name", ["logistic", "logistic-5-steps", "wasserstein-clipped", "wasserstein-gp", "r1", "conditional-mirrored", "bf16"]
)
@pytest.mark.parametrize("runner", RUNNERS)
def test_a_step_never_waits_for_the_device(start: Callable[..., Any], runner: str, name: str) -> None:
    """Through the border between two epochs as well."""
    training = start(runner, **OBJECTIVES[name]).advance(3)
    torch.cuda.synchronize()
    with no_synchronisation():
        training.advance(EPOCH_BORDER)
    assert torch.isfinite(training.losses()).all()


@pytest.mark.parametrize(
    ("name", "kernels"), [*((name, "auto") for name in OBJECTIVES), ("logistic", "ref"), ("wasserstein-gp", "ref"), ("r1", "ref")]
)
def test_replayed_graphs_equal_eager_steps_bit_for_bit(
    start: Callable[..., Any], changed: Callable[..., Any], name: str, kernels: str
) -> None:
    """Parameters, buffers, average, optimizer state, statistics and losses, with deterministic algorithms."""
    settings = {**OBJECTIVES[name], "training.deterministic": True, "training.kernels": kernels}
    eager, graph = (start(runner, **settings).advance(ITERATIONS) for runner in RUNNERS)
    assert changed(eager.tensors(), graph.tensors()) == []
    assert torch.equal(eager.losses(), graph.losses())
    assert len(eager.losses()) == ITERATIONS


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", ["logistic", "wasserstein-gp", "bf16"])
def test_two_runs_are_the_same_bits(start: Callable[..., Any], changed: Callable[..., Any], runner: str, name: str) -> None:
    """The same seed twice; another seed is another run."""
    settings = {**OBJECTIVES[name], "training.deterministic": True}
    one, two = (start(runner, **settings).advance(ITERATIONS) for _ in range(2))
    assert changed(one.tensors(), two.tensors()) == []
    other = start(runner, **settings, **{"training.seed": 1}).advance(ITERATIONS)
    assert not torch.equal(one.losses(), other.losses())


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", ["logistic", "r1-every-4th", "late-average", "wasserstein-gp-5-steps"])
def test_a_resumed_run_equals_one_that_was_never_stopped(
    start: Callable[..., Any], changed: Callable[..., Any], runner: str, name: str
) -> None:
    """Through torch.save and weights_only, as a checkpoint does."""
    settings = {**OBJECTIVES[name], "training.deterministic": True}
    whole = start(runner, **settings).advance(ITERATIONS)
    first = start(runner, **settings).advance(ITERATIONS // 2)
    buffer = io.BytesIO()
    torch.save(first.materials.algorithm.state_dict(), buffer)
    buffer.seek(0)
    second = start(runner, **settings)
    second.materials.algorithm.load_state_dict(torch.load(buffer, weights_only=True, map_location="cpu"))
    second.iteration = ITERATIONS // 2
    assert changed(whole.tensors(), second.advance(ITERATIONS // 2).tensors()) == []


def test_starting_a_graph_runner_leaves_the_run_as_it_was(start: Callable[..., Any], changed: Callable[..., Any]) -> None:
    """Warm-up and capture take their effects back: weights, buffers, optimizer state, statistics and the position in the data."""
    eager, graph = start("eager"), start("cuda_graph")
    assert changed(eager.tensors(), graph.tensors()) == []
    assert graph.materials.sampler.position == 0


@pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores")
@pytest.mark.parametrize("name", ["logistic", "r1"])
def test_compiled_steps_follow_eager_ones(start: Callable[..., Any], name: str) -> None:
    """To rounding, over a few iterations; a penalty that lost its gradients would leave the trajectory."""
    eager, compiled = (start(runner, **OBJECTIVES[name]).advance(4) for runner in ("eager", "compile"))
    torch.testing.assert_close(compiled.losses(), eager.losses(), rtol=2e-2, atol=2e-3)

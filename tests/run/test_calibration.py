"""The first seconds of a run: threads are measured, arithmetic is counted, and everything is put back."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ganbench.ranks import Ranks
from ganbench.run import calibration
from ganbench.run.calibration import candidate_counts, choose_threads, count_flops
from ganbench.run.lifecycle import Run
from ganbench.training.algorithm import execute
from ganbench.training.rehearsal import undone
from ganbench.training.seeding import global_state

CPU = torch.device("cpu")


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return every leaf of a state by its path, tensors as lists."""
    if isinstance(value, dict):
        return {p: leaf for k, v in value.items() for p, leaf in leaves(v, f"{path}/{k}").items()}
    if isinstance(value, (list, tuple)):
        return {p: leaf for i, v in enumerate(value) for p, leaf in leaves(v, f"{path}/{i}").items()}
    return {path: value.tolist() if isinstance(value, torch.Tensor) else value}


def everything(algorithm: Any) -> dict[str, Any]:
    """Return a copy of all that an iteration may change."""
    return copy.deepcopy(leaves({"algorithm": algorithm.state_dict(), "random": global_state(CPU)}))


def iterate(algorithm: Any, count: int) -> None:
    for iteration in range(count):
        execute(algorithm, iteration)


SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {},
    "rmsprop": {"generator_optimizer.kind": "rmsprop", "discriminator_optimizer.kind": "rmsprop", "training.d_steps": 2},
    "unconditional": {"architecture.options.conditional": False},
}


@pytest.fixture(params=SETTINGS)
def algorithm(request: pytest.FixtureRequest, new_run: Callable[..., Run]) -> Any:
    """Return an algorithm that nothing was done with yet."""
    run = new_run({"evaluation.metrics": (), **SETTINGS[request.param]})
    return run.materials.algorithm


@pytest.mark.parametrize("before", [0, 3])
def test_trial_iterations_leave_no_trace(algorithm: Any, before: int) -> None:
    """Networks, averages, optimizers, sums, sampler and all random streams, at the start and in the middle of a run."""
    iterate(algorithm, before)
    expected = everything(algorithm)
    with undone(algorithm, CPU):
        iterate(algorithm, 2)
        torch.rand(1), np.random.rand(), random.random()
        assert everything(algorithm) != expected
    assert everything(algorithm) == expected


@pytest.mark.slow
def test_training_after_a_calibration_is_training_without_one(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows is the same too, not only what is stored."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(calibration, "available_cpus", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # another count may sum in another order
    states = []
    for calibrated in (False, True):
        run = new_run({"evaluation.metrics": ()})
        algorithm = run.materials.algorithm
        if calibrated:
            choose_threads(algorithm, CPU, 0)
            count_flops(algorithm, CPU)
        iterate(algorithm, 4)
        states.append(everything(algorithm))
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("milliseconds", "chosen"), [({1: 20.0, 2: 12.0}, 2), ({1: 20.0, 2: 200.0}, 1), ({1: 20.0, 2: 19.8}, 1), ({1: 9.0, 2: 5.0, 4: 4.0}, 4)]
)
def test_the_fastest_count_wins_and_a_tie_goes_to_fewer(
    monkeypatch: pytest.MonkeyPatch, milliseconds: dict[int, float], chosen: int
) -> None:
    """More threads must be worth it, and the record says what was measured."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(calibration, "available_cpus", lambda: max(milliseconds))
    monkeypatch.setattr(calibration, "_trial", lambda _, counts: {c: milliseconds[c] / 1e3 for c in counts})

    class Nothing:
        ranks = Ranks()

        def state_dict(self) -> dict[str, Any]:
            return {}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            pass

    threads = choose_threads(Nothing(), CPU, 0)  # type: ignore[arg-type]
    assert threads.count == torch.get_num_threads() == chosen
    assert threads.reason == "fastest of " + ", ".join(f"{c}: {s:.1f} ms" for c, s in milliseconds.items())


def test_a_count_that_is_given_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the configuration, by the environment, or by the machine."""
    nothing: Any = SimpleNamespace(ranks=Ranks())
    assert choose_threads(nothing, CPU, 1).reason == "given"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert choose_threads(nothing, CPU, 0).reason == "OMP_NUM_THREADS"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert choose_threads(nothing, torch.device("cuda"), 0).reason == "torch's default"
    monkeypatch.setattr(calibration, "available_cpus", lambda: 1)
    alone = choose_threads(nothing, CPU, 0)
    assert (alone.count, alone.reason) == (1, "the only CPU")
    monkeypatch.setattr(calibration, "available_cpus", lambda: 8)
    shared = choose_threads(SimpleNamespace(ranks=Ranks(0, 3, 0, 3)), CPU, 0)  # type: ignore[arg-type]
    assert (shared.count, shared.reason) == (2, "3 processes share the CPUs")


@pytest.mark.parametrize(
    ("cpus", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8]), (48, [1, 8, 16, 32, 48]), (500, [1, 16, 32, 64])]
)
def test_candidates(cpus: int, counts: list[int]) -> None:
    """Few enough to be tried in seconds, and one of them is 1."""
    assert candidate_counts(cpus) == counts


class Linear(torch.nn.Linear):
    """A generator or discriminator of one layer."""

    def forward(self, values: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        outputs = super().forward(values.flatten(1))
        return outputs.view(-1, 1, 8, 8) if self.out_features == 64 else outputs


def test_flops_are_those_of_a_count_by_hand(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear generator and a linear discriminator: every product of matrices of the joint update."""
    run = new_run({"evaluation.metrics": (), "architecture.options.conditional": False})
    algorithm, batch, latent, pixels = run.materials.algorithm, 24, 6, 64
    discriminator = Linear(pixels, 1)
    monkeypatch.setattr(algorithm, "generator", Linear(latent, pixels))
    monkeypatch.setattr(algorithm, "discriminator", discriminator)
    monkeypatch.setitem(algorithm.parameters, "discriminator", list(discriminator.parameters()))
    forward = latent * pixels + pixels + pixels  # G, then D on real and on generated images
    discriminator_backward = 2 * pixels  # gradients of its weights, once for each
    generator_update = pixels + pixels + latent * pixels  # D, back through D to the images, gradients of G's weights
    assert count_flops(algorithm, CPU) == 2 * batch * (forward + discriminator_backward + generator_update)


def test_the_flops_of_a_gradient_penalty_are_counted(new_run: Callable[..., Run]) -> None:
    """Its gradient of a gradient was recorded as no arithmetic at all."""
    plain, penalised = (
        new_run({"evaluation.metrics": (), "loss.name": "wasserstein", "architecture.options.discriminator_norm": "none", **more})
        for more in ({"loss.options.gp_weight": 0.0}, {"loss.options.gp_weight": 10.0})
    )
    without, with_it = (count_flops(run.materials.algorithm, CPU) for run in (plain, penalised))
    assert 1.3 * without < with_it < 4 * without


def test_a_step_that_fails_is_neither_timed_nor_counted(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step of the run says what is wrong; until then its numbers are unknown."""
    run = new_run({"evaluation.metrics": ()})
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(calibration, "available_cpus", lambda: 2)

    def fail(*_: Any) -> None:
        raise AssertionError("Expected gradient function to be set")

    monkeypatch.setattr(run.materials.algorithm, "phases", fail)
    assert count_flops(run.materials.algorithm, CPU) == 0
    threads = choose_threads(run.materials.algorithm, CPU, 0)
    assert (threads.count, threads.reason) == (1, "the trial iterations failed")

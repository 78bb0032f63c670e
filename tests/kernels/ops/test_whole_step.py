"""Whole training steps with Triton's kernels against the same steps in plain PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_algorithm import make, train, weights
from torch import Tensor

from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench_kernels import use_implementation

LABELS = torch.arange(40) % 4
NO_NORM = {"discriminator_norm": "none"}
SMOOTH = {f"{network}_optimizer.eps": 0.1 for network in ("generator", "discriminator")}
"""With a tiny eps Adam's first steps are signs, and rounding turns them wherever a gradient is near 0."""
STEPS: dict[str, tuple[dict[str, Any], dict[str, str], Tensor | None]] = {
    "dcgan": ({}, {}, None),
    "dcgan-conditional": ({"loss.options.label_smoothing": 0.1}, {}, LABELS),
    "dcgan-contiguous": ({"training.channels_last": False}, {}, None),
    "dcgan-32-style": (
        {"training.shared_fakes": False},
        {"norm_after_activation": "true", "head": "linear", "discriminator_kernel": "5"},
        None,
    ),
    "hinge": ({"loss.name": "hinge"}, {}, None),
    "least-squares": ({"loss.name": "least-squares"}, {}, None),
    "minimax": ({"loss.name": "minimax"}, {}, None),
    "wgan": ({"loss.name": "wasserstein", "training.d_steps": 2}, {}, None),
    "wgan-gp": ({"loss.name": "wasserstein", "loss.options.gp_weight": 10.0}, NO_NORM, None),
    "r1": ({"loss.options.r1_gamma": 1.0}, NO_NORM, LABELS),
}


def trained(case: str, implementation: str, device: torch.device) -> AdversarialAlgorithm:
    """Return the algorithm after two iterations."""
    settings, options, labels = STEPS[case]
    with use_implementation(implementation):
        algorithm = make({**SMOOTH, **settings}, labels, device, **options)
        train(algorithm, 2)
    return algorithm


def gradients(algorithm: AdversarialAlgorithm) -> dict[str, Tensor]:
    """Return Adam's averages of the gradients."""
    optimizers = algorithm.state_dict()["optimizers"]
    return {f"{name}.{i}": state["exp_avg"] for name, saved in optimizers.items() for i, state in saved["state"].items()}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Compare to what float32 leaves of sums in another order, relative to each tensor's largest element."""
    for name, value in expected.items():
        atol = 1e-6 + 1e-5 * float(value.abs().max())
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=atol, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("case", STEPS)
def test_the_step_is_the_reference_s(case: str, device: torch.device) -> None:
    """After two iterations: losses, statistics, gradients' averages, weights, running statistics."""
    expected, found = (trained(case, implementation, device) for implementation in ("ref", "triton"))
    torch.testing.assert_close(found.trajectory(), expected.trajectory(), rtol=1e-5, atol=1e-6)
    for (name, value), other in zip(expected.read_statistics().items(), found.read_statistics().values(), strict=True):
        assert other == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert_close(weights(found), weights(expected))
    assert_close(gradients(found), gradients(expected))


def test_the_triton_step_uses_the_kernels(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the comparison above would compare the reference with itself."""
    from ganbench_kernels.jit.launch import Launch

    launched: list[str] = []
    run = Launch.run
    monkeypatch.setattr(Launch, "run", lambda launch: (launched.append(launch.kernel.fn.__module__), run(launch))[1])
    trained("dcgan", "triton", device)
    for kernel in ("bias_act", "norm_act", "gan_loss", "gather_normalize"):
        assert any(kernel in name for name in launched), (kernel, sorted(set(launched)))

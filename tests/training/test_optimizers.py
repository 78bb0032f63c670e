"""Optimizers against their published update rules, and schedules that live in tensors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from ganbench.config.model import OptimizerConfig
from ganbench.training.optimizers import LearningRate, build_optimizer

CPU = torch.device("cpu")


def trained(config: OptimizerConfig, gradients: list[float], start: float = 1.0) -> float:
    """Return a single weight after steps with the given gradients."""
    weight = nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimizer = build_optimizer(config, [weight], CPU)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
    return weight.item()


def adam(config: OptimizerConfig, gradients: list[float], weight: float = 1.0) -> float:
    """Kingma and Ba 2015, algorithm 1, with the L2 term added to the gradient."""
    m = v = 0.0
    for t, gradient in enumerate(gradients, 1):
        g = gradient + config.weight_decay * weight
        m = config.beta1 * m + (1 - config.beta1) * g
        v = config.beta2 * v + (1 - config.beta2) * g * g
        m_hat, v_hat = m / (1 - config.beta1**t), v / (1 - config.beta2**t)
        weight -= config.learning_rate * m_hat / (math.sqrt(v_hat) + config.eps)
    return weight


def rmsprop(config: OptimizerConfig, gradients: list[float], weight: float = 1.0) -> float:
    """Tieleman and Hinton 2012; eps outside the root, as torch has it."""
    v = 0.0
    for gradient in gradients:
        g = gradient + config.weight_decay * weight
        v = config.rmsprop_alpha * v + (1 - config.rmsprop_alpha) * g * g
        weight -= config.learning_rate * g / (math.sqrt(v) + config.eps)
    return weight


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beta1": 0.0, "beta2": 0.9},
        {"eps": 0.5, "learning_rate": 0.1},
        {"weight_decay": 0.3, "learning_rate": 0.01},
        {"kind": "rmsprop", "learning_rate": 5e-5},
        {"kind": "rmsprop", "learning_rate": 0.1, "rmsprop_alpha": 0.5, "eps": 0.2, "weight_decay": 0.3},
    ],
)
def test_a_step_is_the_published_update(options: dict[str, Any]) -> None:
    """Five steps in float64; the learning rate itself is a float32 tensor."""
    config = OptimizerConfig(**options)
    gradients = [0.3, -1.2, 0.01, 4.0, -0.5]
    reference = {"adam": adam, "rmsprop": rmsprop}[config.kind]
    assert trained(config, gradients) - 1 == pytest.approx(reference(config, gradients) - 1, rel=1e-6)


def test_adams_eps_is_1e_8_unless_the_source_says_otherwise() -> None:
    """Trap 15."""
    assert OptimizerConfig().eps == 1e-8
    optimizer = build_optimizer(OptimizerConfig(), [nn.Parameter(torch.zeros(1))], CPU)
    assert optimizer.param_groups[0]["eps"] == 1e-8
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)


VALUES = [
    ("constant", 0.0, {0: 1.0, 50_000: 1.0, 100_000: 1.0}),
    ("linear", 0.0, {0: 1.0, 25_000: 0.75, 50_000: 0.5, 100_000: 0.0, 120_000: 0.0}),
    ("cosine", 0.0, {0: 1.0, 25_000: 0.5 + math.sqrt(2) / 4, 50_000: 0.5, 100_000: 0.0, 120_000: 0.0}),
    ("linear", 50.0, {0: 1.0, 50_000: 1.0, 75_000: 0.5, 100_000: 0.0}),
    ("cosine", 50.0, {0: 1.0, 50_000: 1.0, 75_000: 0.5, 100_000: 0.0}),
    ("linear", 200.0, {0: 1.0, 99_999: 1.0, 100_000: 1.0}),
]


@pytest.mark.parametrize(("schedule", "start", "expected"), VALUES)
@pytest.mark.parametrize("kind", ["adam", "rmsprop"])
def test_a_schedule_moves_the_optimizers_own_tensor(kind: Any, schedule: Any, start: float, expected: dict[int, float]) -> None:
    """In place, so that a captured step follows it; as a fraction of the base rate, over 100 kimg."""
    config = OptimizerConfig(kind=kind, learning_rate=0.02, schedule=schedule, schedule_start_kimg=start)
    optimizer = build_optimizer(config, [nn.Parameter(torch.zeros(1))], CPU)
    rate = LearningRate(config, optimizer, total_kimg=100)
    tensor = optimizer.param_groups[0]["lr"]
    assert isinstance(tensor, torch.Tensor)
    for images_seen, factor in expected.items():
        rate.set_progress(images_seen)
        assert optimizer.param_groups[0]["lr"] is tensor
        assert tensor.item() == pytest.approx(0.02 * factor, rel=1e-6, abs=1e-9)


def test_a_scheduled_rate_is_the_rate_of_the_step() -> None:
    """At the end of a linear schedule nothing moves any more."""
    config = OptimizerConfig(learning_rate=0.1, schedule="linear")
    weight = nn.Parameter(torch.ones(1))
    optimizer = build_optimizer(config, [weight], CPU)
    rate = LearningRate(config, optimizer, total_kimg=1)
    moved = []
    for images_seen in (0, 500, 1000):
        rate.set_progress(images_seen)
        weight.grad = torch.ones(1)
        before = weight.item()
        optimizer.step()
        moved.append(before - weight.item())
    assert moved == pytest.approx([0.1, 0.05, 0.0], rel=1e-4, abs=1e-8)

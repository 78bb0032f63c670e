"""Optimizers against their published update rules, and schedules that live in tensors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from ganbench.config.model import OptimizerConfig
from ganbench.training.optimizers import LearningRate, build_optimizer, load_optimizer_state

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


def sgd(config: OptimizerConfig, gradients: list[float], weight: float = 1.0) -> float:
    """Classical momentum as pylearn2's learning_rule.Momentum has it: the rate scales new gradients, not the velocity."""
    v = 0.0
    for gradient in gradients:
        v = config.momentum * v - config.learning_rate * (gradient + config.weight_decay * weight)
        weight += v
    return weight


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kind": "sgd", "learning_rate": 0.1},
        {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.75, "weight_decay": 0.25},
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
    reference = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}[config.kind]
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
@pytest.mark.parametrize("kind", ["adam", "rmsprop", "sgd"])
def test_a_schedule_moves_the_optimizers_own_tensor(kind: Any, schedule: Any, start: float, expected: dict[int, float]) -> None:
    """In place, so that a captured step follows it; as a fraction of the base rate, over 100 kimg."""
    config = OptimizerConfig(kind=kind, learning_rate=0.02, schedule=schedule, schedule_start_kimg=start)
    optimizer = build_optimizer(config, [nn.Parameter(torch.zeros(1))], CPU)
    rate = LearningRate(config, optimizer, total_kimg=100)
    tensor = optimizer.param_groups[0]["lr"]
    assert isinstance(tensor, torch.Tensor)
    for samples_seen, factor in expected.items():
        rate.set_progress(samples_seen)
        assert optimizer.param_groups[0]["lr"] is tensor
        assert tensor.item() == pytest.approx(0.02 * factor, rel=1e-6, abs=1e-9)


def test_a_scheduled_rate_is_the_rate_of_the_step() -> None:
    """At the end of a linear schedule nothing moves any more."""
    config = OptimizerConfig(learning_rate=0.1, schedule="linear")
    weight = nn.Parameter(torch.ones(1))
    optimizer = build_optimizer(config, [weight], CPU)
    rate = LearningRate(config, optimizer, total_kimg=1)
    moved = []
    for samples_seen in (0, 500, 1000):
        rate.set_progress(samples_seen)
        weight.grad = torch.ones(1)
        before = weight.item()
        optimizer.step()
        moved.append(before - weight.item())
    assert moved == pytest.approx([0.1, 0.05, 0.0], rel=1e-4, abs=1e-8)


def test_an_exponential_schedule_halves_the_rate_whatever_the_budget_is() -> None:
    """goodfeli/adversarial mnist.yaml: 0.1 divided by 1.000004 after each batch of 100, not below 1e-6."""
    halflife = math.log(2) / math.log(1.000004) * 100 / 1000
    config = OptimizerConfig(kind="sgd", learning_rate=0.1, schedule="exponential", halflife_kimg=halflife, min_learning_rate=1e-6)
    optimizer = build_optimizer(config, [nn.Parameter(torch.zeros(1))], CPU)
    for total_kimg in (1, 50_000):
        rate = LearningRate(config, optimizer, total_kimg)
        for updates in (0, 1, 1000, 500_000):
            assert rate.value(100 * updates) == pytest.approx(0.1 * 1.000004**-updates, rel=1e-9)
        assert rate.value(10**10) == 1e-6
    late = OptimizerConfig(schedule="exponential", halflife_kimg=2, schedule_start_kimg=10, learning_rate=0.5)
    values = [LearningRate(late, optimizer, 100).value(images) for images in (0, 10_000, 12_000, 14_000)]
    assert values == pytest.approx([0.5, 0.5, 0.25, 0.125])


def test_momentum_rises_in_the_optimizers_own_tensor() -> None:
    """In a straight line to its end, and then it stays."""
    config = OptimizerConfig(kind="sgd", momentum=0.5, final_momentum=0.7, momentum_ramp_kimg=10)
    optimizer = build_optimizer(config, [nn.Parameter(torch.zeros(1))], CPU)
    rate = LearningRate(config, optimizer, total_kimg=100)
    tensor = optimizer.param_groups[0]["momentum"]
    for samples_seen, expected in {0: 0.5, 5_000: 0.6, 10_000: 0.7, 90_000: 0.7}.items():
        rate.set_progress(samples_seen)
        assert optimizer.param_groups[0]["momentum"] is tensor
        assert tensor.item() == pytest.approx(expected)
    at_once = OptimizerConfig(kind="sgd", momentum=0.5, final_momentum=0.7)
    assert LearningRate(at_once, optimizer, 100).momentum(0) == 0.7


def test_a_falling_rate_slows_new_steps_only() -> None:
    """With a momentum of 1/2, a rate of 0 leaves half of the last step."""
    config = OptimizerConfig(kind="sgd", learning_rate=0.1, momentum=0.5, schedule="linear")
    weight = nn.Parameter(torch.zeros(1))
    optimizer = build_optimizer(config, [weight], CPU)
    rate = LearningRate(config, optimizer, total_kimg=1)
    path = []
    for samples_seen in (0, 1000, 1000):
        rate.set_progress(samples_seen)
        weight.grad = torch.ones(1)
        optimizer.step()
        path.append(weight.item())
    assert path == pytest.approx([-0.1, -0.15, -0.175])


def test_a_saved_velocity_goes_on_in_place() -> None:
    """Velocity, rate and momentum are copied into the tensors that a captured step holds."""
    config = OptimizerConfig(kind="sgd", learning_rate=0.1, momentum=0.5)
    one, other = (nn.Parameter(torch.zeros(2)) for _ in range(2))
    first, second = build_optimizer(config, [one], CPU), build_optimizer(config, [other], CPU)
    one.grad = other.grad = torch.ones(2)
    first.step()
    first.param_groups[0]["momentum"].fill_(0.25)
    velocity, momentum = second.state[other]["velocity"], second.param_groups[0]["momentum"]
    load_optimizer_state(second, first.state_dict())
    assert second.state[other]["velocity"] is velocity
    assert second.param_groups[0]["momentum"] is momentum
    assert torch.equal(velocity, torch.full((2,), -0.1))
    assert momentum.item() == 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "exponential"}, r"halflife_kimg must be above 0 with the exponential schedule, and 0 or more without \(got 0.0\)"),
        ({"halflife_kimg": -1.0}, r"halflife_kimg must be above 0 with the exponential schedule, and 0 or more without \(got -1.0\)"),
        ({"min_learning_rate": 1.0}, r"min_learning_rate must be 0 to learning_rate \(got 1.0\)"),
        ({"momentum": 1.0}, r"momentum must be at least 0 and below 1 \(got 1.0\)"),
        ({"final_momentum": -0.5}, r"final_momentum must be at least 0 and below 1 \(got -0.5\)"),
        ({"momentum_ramp_kimg": -1.0}, r"momentum_ramp_kimg must be 0 or more \(got -1.0\)"),
    ],
)
def test_wrong_numbers_are_refused(options: dict[str, Any], message: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**options)

"""A step of many seeds is the step of each one, but for the order in which products are added up."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench import PluginManager, Run, make_sampler, plan
from ganbench_seeds.member import Member, SeedRun, why_alone
from ganbench_seeds.sampler import StackedSampler
from ganbench_seeds.stack import Stack, StackFailed
from ganbench_seeds.trial import try_together

SEEDS, STEPS = 3, 4
NARROW = {"generator_widths": "16,16", "discriminator_widths": "16,16", "latent_dim": 4}
IMAGES = {"generator_width": 4, "discriminator_width": 4, "latent_dim": 4}
Settings = dict[str, Any]
ROUNDED = 0.02
"""Part of a tensor that may differ by more than rounding."""


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    """Return the plugins."""
    return PluginManager()


@pytest.fixture(scope="module")
def make(manager: PluginManager) -> Callable[..., list[Member]]:
    """Return a function that builds the algorithms of some seeds."""

    def build(plugin: str, dataset: str, options: Settings, settings: Settings, count: int = SEEDS) -> list[Member]:
        given = {"training.batch_size": 12, "training.threads": 1, "training.device": "cpu", **settings}
        plans = [plan(plugin, dataset=dataset, seed=s, metrics=[], options=options, settings=given, manager=manager) for s in range(count)]
        return [SeedRun(one, manager, listeners=(), should_stop=lambda: False).algorithm for one in plans]

    return build


CASES = [
    pytest.param("mlp", "ring8", NARROW, {}, id="logistic"),
    pytest.param("mlp", "ring8", {**NARROW, "r1_gamma": 1, "r2_gamma": 1}, {"loss.name": "hinge"}, id="hinge-r1-r2"),
    pytest.param("mlp", "ring8", {**NARROW, "gp_weight": 10, "drift": 0.1}, {"loss.name": "wasserstein", "training.d_steps": 2}, id="gp"),
    pytest.param("mlp", "ring8", {**NARROW, "dragan_weight": 10}, {"training.penalty_every": 2}, id="dragan-every-second"),
    pytest.param("mlp", "ring8", NARROW, {"loss.name": "wasserstein", "training.shared_fakes": False}, id="clipped"),
    pytest.param("mlp", "ring8", NARROW, {"loss.name": "relativistic"}, id="relativistic"),
    pytest.param("mlp", "ring8", {**NARROW, "feature_matching": 1}, {"loss.name": "least-squares"}, id="feature-matching"),
    pytest.param(
        "mlp", "grid25", {**NARROW, "generator_norm": "batch", "generator_bias": False}, {"training.packing": 2}, id="packed-batch-norm"
    ),
    pytest.param("mlp", "ring8", NARROW, {"generator_optimizer.kind": "rmsprop", "discriminator_optimizer.kind": "sgd"}, id="optimizers"),
    pytest.param("mlp", "ring8", NARROW, {"generator_optimizer.schedule": "linear", "training.total_kimg": 0.06}, id="schedule"),
    pytest.param("mlp", "digits", {**NARROW, "dataset.resolution": 8}, {"training.dequantise": True}, id="labels-dequantised"),
    pytest.param("dcgan", "digits", {**IMAGES, "dataset.resolution": 8}, {}, id="dcgan"),
    pytest.param(
        "dcgan", "digits", {**IMAGES, "dataset.resolution": 8, "conditional": "false"}, {"training.channels_last": False}, id="dcgan-nchw"
    ),
]


def alone(member: Member) -> None:
    """Take the steps of one seed, as its own runner does."""
    phases, seen = {phase.name: phase for phase in member.phases()}, 0
    for iteration in range(STEPS):
        member.set_progress(seen)
        for name in member.plan(iteration):
            phases[name].prepare()
            phases[name].run()
        seen += member.samples_shown(iteration)


def together(members: list[Member]) -> Stack:
    """Take the steps of all seeds, and leave them where they are then."""
    stack, seen = Stack(members), 0
    for index, one in enumerate(members):
        one.join(stack, index)
    for iteration in range(STEPS):
        for one in members:
            one.set_progress(seen)
        stack.advance()
        seen += stack.samples_shown(iteration)
    for one in members:
        one.leave()
    return stack


def tensors(state: Any, path: str = "") -> dict[str, Tensor]:
    """Return the tensors of a state by their paths."""
    if isinstance(state, Tensor):
        return {path: state}
    pairs = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else ()
    return {name: tensor for key, inner in pairs for name, tensor in tensors(inner, f"{path}/{key}").items()}


@pytest.mark.parametrize(("plugin", "dataset", "options", "settings"), CASES)
def test_every_seed_takes_the_step_that_it_takes_alone(
    make: Callable[..., list[Member]], plugin: str, dataset: str, options: Settings, settings: Settings
) -> None:
    """Weights, averages, optimizers, statistics, random streams, the sampler: all of a checkpoint to rounding, what is drawn to the bit."""
    members = make(plugin, dataset, options, settings)
    start = [copy.deepcopy(one.state_dict()) for one in members]
    together(members)
    found = [copy.deepcopy(one.state_dict()) for one in members]
    for one, state, ours in zip(members, start, found, strict=True):
        one.load_state_dict(state)
        alone(one)
        theirs = one.state_dict()
        assert ours["sampler"] == theirs["sampler"]
        mine, own = tensors(ours), tensors(theirs)
        assert mine.keys() == own.keys()
        for name, expected in own.items():
            if name.startswith("/random") or not expected.is_floating_point():
                assert torch.equal(mine[name], expected), name
            else:  # Adam's step has the size of its rate whatever the gradient's: where that is only rounding, so is the step's direction
                differs = ~torch.isclose(mine[name], expected, rtol=1e-3, atol=1e-5)
                assert float(differs.float().mean()) <= ROUNDED, name
    assert not torch.equal(found[0]["modules"]["generator"]["layers.0.weight"], found[1]["modules"]["generator"]["layers.0.weight"])


def test_the_first_losses_of_narrow_networks_have_the_same_bits(make: Callable[..., list[Member]]) -> None:
    """Where a product is added up in one go, there is no other order."""
    members = make("mlp", "ring8", NARROW, {})
    start = [copy.deepcopy(one.state_dict()) for one in members]
    together(members)
    losses = [one.trajectory()[0] for one in members]
    for one, state, ours in zip(members, start, losses, strict=True):
        one.load_state_dict(state)
        alone(one)
        assert torch.equal(one.trajectory()[0], ours)


def test_statistics_that_are_read_begin_anew(make: Callable[..., list[Member]]) -> None:
    """Seed by seed: the reading of one takes nothing from another."""
    members = make("mlp", "ring8", NARROW, {})
    stack = Stack(members)
    for index, one in enumerate(members):
        one.join(stack, index)
    stack.advance()
    first = members[0].read_statistics()
    stack.advance()
    second, both = members[0].read_statistics(), members[1].read_statistics()
    assert first.keys() == both.keys() == members[2].statistics.read().keys()
    trajectory = members[1].trajectory()
    assert both["generator_loss"] == pytest.approx(float(trajectory[:, 1].mean()))
    assert second["generator_loss"] == pytest.approx(float(members[0].trajectory()[1, 1]))
    assert first["generator_loss"] == pytest.approx(float(members[0].trajectory()[0, 1]))


@pytest.mark.parametrize("horizontal_flip", [False, True])
def test_every_seed_sees_the_batches_of_its_own_sampler(make: Callable[..., list[Member]], horizontal_flip: bool) -> None:
    """Across windows and epochs, mirrored and labelled."""
    (first, *_) = make("dcgan", "digits", {**IMAGES, "dataset.resolution": 8}, {}, count=1)
    training = dataclasses.replace(first.training, horizontal_flip=horizontal_flip)
    source: Any = first.dataset.train
    samplers = [
        make_sampler(source, batch_size=700, seed=seed, channels_last=training.channels_last, horizontal_flip=horizontal_flip)
        for seed in (3, 8)
    ]
    stacked = StackedSampler(source, [3, 8], training, first.device)
    for _ in range(9):
        batch = stacked.next(700)
        assert batch.labels is not None
        for index, sampler in enumerate(samplers):
            own = sampler.next(700)
            assert own.labels is not None
            assert torch.equal(batch.samples[index], own.samples)
            assert torch.equal(batch.labels[index], own.labels)


def test_what_a_network_draws_by_itself_is_refused(make: Callable[..., list[Member]]) -> None:
    """Dropout asks the process's own stream, of which each seed alone has one."""
    members = make("mlp", "ring8", {**NARROW, "discriminator_dropout": 0.5}, {})
    with pytest.raises(StackFailed, match="random"):
        try_together(members)
    assert members[0].trajectory().shape == (0, 2)


def test_a_trial_leaves_the_seeds_as_they_were_and_sees_a_step_that_differs(
    make: Callable[..., list[Member]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is faster and different is not faster."""
    members = make("mlp", "ring8", NARROW, {})
    before = [copy.deepcopy(one.state_dict()) for one in members]
    assert try_together(members).repeats
    honest = Stack.generator_loss
    monkeypatch.setattr(Stack, "generator_loss", lambda self, *given: 2 * honest(self, *given))
    assert not try_together(members).repeats
    for one, state in zip(members, before, strict=True):
        now = tensors(one.state_dict())
        assert all(torch.equal(now[name], tensor) for name, tensor in tensors(state).items())


def test_a_buffer_that_a_network_replaces_is_seen(make: Callable[..., list[Member]]) -> None:
    """A stack changes buffers in place alone; one that is replaced would stand still, and its losses may look alike for long."""
    members = make("mlp", "ring8", NARROW, {})
    for one in members:
        one.discriminator.register_buffer("judged", torch.zeros(()))
        one.discriminator.register_forward_pre_hook(lambda module, given: setattr(module, "judged", module.judged + 1))
    trial = try_together(members)
    assert not trial.repeats
    assert trial.difference >= 1


@pytest.mark.parametrize(
    ("settings", "options", "reason"),
    [
        ({"augmentation.name": "diffaugment"}, {}, "an augmentation"),
        ({}, {"historical_averaging": 1}, "a term of the weights"),
        ({"training.runner": "compile"}, {}, "training.runner is compile"),
        ({}, {"discriminator_norm": "virtual"}, "a network keeps a reference batch"),
        ({}, {}, ""),
    ],
)
def test_what_cannot_be_stacked_is_named(manager: PluginManager, settings: Settings, options: Settings, reason: str) -> None:
    """Before anything is trained."""
    given = {"training.batch_size": 12, "training.device": "cpu", **settings}
    made = {**IMAGES, "dataset.resolution": 8, **options}
    planned = plan("dcgan", dataset="digits", metrics=[], options=made, settings=given, manager=manager)
    found = why_alone(Run(planned, manager))
    assert found.startswith(reason)
    assert bool(found) == bool(reason)

"""Unrolled GANs: sizes as published, steps ahead that are Adam's, a gradient through all of them, capture and resume."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import AlgorithmContext, ArchitectureSpec, BuildContext, ConfigError, Dataset, LossSpec
from ganbench.config.resolve import Layer, resolve
from ganbench.data.choose import make_sampler
from ganbench.plugin.manager import PluginManager
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner
from ganbench_spaces.points import PointSpace, point_source
from ganbench_unrolled.algorithm import UnrolledAlgorithm

MANAGER = PluginManager()
CPU = torch.device("cpu")


def make(settings: dict[str, Any] | None = None, **options: str) -> UnrolledAlgorithm:
    """Build the algorithm on 64 random points, as a run does."""
    chosen = {"training.batch_size": 8, "discriminator_optimizer.learning_rate": 1e-2, **(settings or {})}
    narrow = {"latent_dim": "4", "width": "6", "unrolled_steps": "3"}
    config = resolve(MANAGER, "unrolled", [Layer(origin="test", settings=chosen)], {**narrow, **options}).config
    source = point_source(torch.randn(64, 2, 1, 1, generator=torch.Generator().manual_seed(5)))
    torch.manual_seed(0)
    architecture = MANAGER.find(ArchitectureSpec, "unrolled")
    return UnrolledAlgorithm(
        AlgorithmContext(
            config=config,
            networks=architecture.build(config.architecture.options, BuildContext(space=PointSpace())),
            objective=MANAGER.find(LossSpec, config.loss.name).build(config.loss.options),
            sampler=make_sampler(source, batch_size=8, seed=0),
            train_labels=None,
            device=CPU,
            dataset=Dataset(name="random", train=source),
        )
    )


def train(algorithm: UnrolledAlgorithm, iterations: range) -> None:
    for i in iterations:
        algorithm.set_progress(8 * i)
        execute(algorithm, i)


def weights(algorithm: UnrolledAlgorithm) -> dict[str, Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [name for name in a if not torch.equal(a[name], b[name])]


def batches(algorithm: UnrolledAlgorithm) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(9)
    return torch.randn(8, 2, generator=random), torch.randn(8, 2, generator=random)


def test_the_recipe_has_its_parameter_counts_and_layers() -> None:
    """256-128-128-2 against 2-128-128-1 with tanh, orthogonal times 1.4."""
    resolved = resolve(MANAGER, "unrolled-ring", [])
    made = resolved.architecture.build(resolved.config.architecture.options, BuildContext(space=PointSpace()))
    counts = tuple(sum(p.numel() for p in made[name].parameters()) for name in ("generator", "discriminator"))
    assert counts == (49_666, 17_025)
    layers: Any = made["generator"].layers
    assert [type(layer) for layer in layers] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    square = layers[2].weight
    torch.testing.assert_close(square @ square.T, 1.4**2 * torch.eye(128), rtol=0, atol=1e-4)


def test_the_recipe_trains_as_its_source() -> None:
    """poolio/unrolled_gan: 25,000 iterations of 512, and ten times the rate for the generator."""
    config: Any = resolve(MANAGER, "unrolled-ring", []).config
    assert config.training.total_kimg * 1000 / config.training.batch_size == 25_000
    assert (config.generator_optimizer.learning_rate, config.discriminator_optimizer.learning_rate) == (1e-3, 1e-4)
    assert (config.generator_optimizer.beta1, config.discriminator_optimizer.beta1) == (0.5, 0.5)
    assert (config.loss.name, config.architecture.options.unrolled_steps) == ("minimax", 5)


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_the_steps_ahead_are_adams(steps: int) -> None:
    """From the optimizer's state in the middle of training, to rounding; the optimizer itself stays where it is."""
    algorithm = make(unrolled_steps=str(steps))
    train(algorithm, range(3))
    real, fake = batches(algorithm)
    found = algorithm._unrolled(real, fake)
    before = weights(algorithm)
    for _ in range(steps):
        of_real, of_fake = algorithm.discriminator(real), algorithm.discriminator(fake)
        algorithm.step("discriminator", algorithm.objective.discriminator_loss(of_real, of_fake)[0])  # type: ignore[index]
    for name, parameter in algorithm.discriminator.named_parameters():
        torch.testing.assert_close(found[name], parameter, rtol=1e-5, atol=1e-6)
    assert bool(differing(before, weights(algorithm))) == (steps > 0)


def looked_ahead(algorithm: UnrolledAlgorithm, real: Tensor, fake: Tensor) -> Tensor:
    return algorithm._loss(algorithm._unrolled(real, fake), real, fake)


def test_the_gradient_goes_through_every_step() -> None:
    """Along a random direction of the samples, against a difference; without the steps' own dependence it is another number."""
    algorithm = make({"discriminator_optimizer.learning_rate": 0.05})
    train(algorithm, range(3))
    real, fake = batches(algorithm)
    along = torch.randn(8, 2, generator=torch.Generator().manual_seed(2))
    fake.requires_grad_()
    (gradient,) = torch.autograd.grad(looked_ahead(algorithm, real, fake), fake)
    with torch.no_grad():
        ends = [fake + sign * 1e-2 * along for sign in (1, -1)]
    above, below = (looked_ahead(algorithm, real, end).detach() for end in ends)
    slope = float((above - below) / 2e-2)
    assert float((gradient * along).sum()) == pytest.approx(slope, rel=2e-2)
    stopped = {name: p.detach() for name, p in algorithm._unrolled(real, fake).items()}
    (without,) = torch.autograd.grad(algorithm._loss(stopped, real, fake), fake)
    assert abs(float((without * along).sum()) - slope) > 5e-2 * abs(slope)


def test_without_steps_it_is_the_minimax_game() -> None:
    """The generator's gradient is that of the plain loss, with its sign turned."""
    algorithm = make(unrolled_steps="0")
    gradients: list[Tensor] = []
    algorithm.update_averages = lambda: gradients.extend(p.grad.clone() for p in algorithm.generator.parameters())  # type: ignore[method-assign,union-attr,misc]
    before, state = copy.deepcopy(algorithm.generator), algorithm.random.get_state()
    (phase,) = (p for p in algorithm.phases() if p.name == "generator")
    phase.prepare()
    phase.run()
    algorithm.random.set_state(state)
    fake = before(algorithm.draw_inputs(8))
    loss = -torch.nn.functional.softplus(algorithm.discriminator(fake)).mean()
    for found, wanted in zip(gradients, torch.autograd.grad(loss, list(before.parameters())), strict=True):
        torch.testing.assert_close(found, wanted)


def test_the_generators_update_leaves_the_discriminator() -> None:
    """The steps ahead are thrown away, its optimizer's state among them."""
    algorithm = make()
    train(algorithm, range(2))
    before = weights(algorithm)
    state = copy.deepcopy(algorithm.optimizers["discriminator"].state_dict())
    (phase,) = (p for p in algorithm.phases() if p.name == "generator")
    phase.prepare()
    phase.run()
    changed = differing(before, weights(algorithm))
    assert changed
    assert not any(name.startswith("discriminator") for name in changed)
    after = algorithm.optimizers["discriminator"].state_dict()
    assert all(torch.equal(t, after["state"][i][name]) for i, one in state["state"].items() for name, t in one.items())


def test_captured_steps_are_the_eager_ones_and_a_resumed_run_has_the_same_bits() -> None:
    """All of it is on the device."""
    eager, captured, graphs = make(), make(), RecordedGraphs()
    runner = GraphRunner(captured, CPU, graphs)
    runner.start()
    for i in range(3):
        for algorithm, run in ((eager, lambda i: execute(eager, i)), (captured, runner.run)):
            algorithm.set_progress(8 * i)
            run(i)
    assert differing(weights(eager), weights(captured)) == []
    resumed = make()
    resumed.load_state_dict(copy.deepcopy(eager.state_dict()))
    train(eager, range(3, 5))
    train(resumed, range(3, 5))
    assert differing(weights(eager), weights(resumed)) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"discriminator_optimizer.kind": "sgd"}, r"discriminator_optimizer must be plain Adam for unrolled \(got sgd\)"),
        ({"discriminator_optimizer.weight_decay": 0.1}, r"plain Adam for unrolled \(got weight_decay 0.1\)"),
        ({"loss.options.r1_gamma": 1.0}, r"the steps that unrolled looks ahead know no penalties \(got r1\)"),
        ({"training.shared_fakes": True}, "training.shared_fakes must be false for unrolled"),
    ],
)
def test_what_it_cannot_heed_is_refused(settings: dict[str, Any], message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=message):
        make(settings)

"""StyleGAN2's iteration: lazy regularisation, path lengths, mixing, the average's ramp; capture and resume."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from random_images import context_on_random_images
from torch import Tensor, nn

from ganbench import Augmentation, ConfigError, Judgement, OptimizerConfig
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner
from ganbench_stylegan2.algorithm import StyleGAN2Algorithm, corrected
from ganbench_stylegan2.path_length import path_lengths

MANAGER = PluginManager()
CPU = torch.device("cpu")
LABELS = torch.arange(40) % 3
NARROW = {"latent_dim": "4", "mapping_layers": "2", "channel_base": "32", "max_channels": "4", "path_every": "2"}
SETTINGS = {"training.batch_size": 8, "training.total_kimg": 0.2, "training.ema_halflife_kimg": 0.04, "training.penalty_every": 2}


def make(
    settings: dict[str, Any] | None = None, labels: Tensor | None = None, augment: Augmentation | None = None, **options: str
) -> StyleGAN2Algorithm:
    """Build the algorithm of a narrow StyleGAN2 on 40 random 8x8 images, as a run does."""
    layer = Layer(origin="test", settings={**SETTINGS, **(settings or {})})
    config = resolve(MANAGER, "stylegan2", [layer], {**NARROW, **options}).config
    return StyleGAN2Algorithm(context_on_random_images(MANAGER, config, resolution=8, labels=labels, augment=augment))


def train(algorithm: StyleGAN2Algorithm, iterations: int, start: int = 0) -> None:
    """Run iterations as the trainer does."""
    for i in range(start, start + iterations):
        algorithm.set_progress(8 * i)
        execute(algorithm, i)


def weights(algorithm: StyleGAN2Algorithm) -> dict[str, Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [name for name in a if not torch.equal(a[name], b[name])]


def update(algorithm: StyleGAN2Algorithm, phase: str) -> None:
    """Do one phase alone."""
    (found,) = (p for p in algorithm.phases() if p.name == phase)
    found.prepare()
    found.run()


def test_rate_and_betas_are_corrected_for_the_steps_that_are_more() -> None:
    """Trap: k / (k + 1) for an optimizer that takes k + 1 steps where it took k, 16/17 and 4/5 here."""
    config = OptimizerConfig(kind="adam", learning_rate=2e-3, beta1=0.5, beta2=0.99)
    found = corrected(config, 16)
    assert (found.learning_rate, found.beta1, found.beta2) == pytest.approx((2e-3 * 16 / 17, 0.5 ** (16 / 17), 0.99 ** (16 / 17)))
    assert corrected(config, 1) is config
    algorithm = make({"training.penalty_every": 16}, path_every="4")
    for name, every in (("generator", 4), ("discriminator", 16)):
        (group,) = algorithm.optimizers[name].param_groups
        assert float(group["lr"]) == pytest.approx(2e-3 * every / (every + 1))
        assert group["betas"] == pytest.approx((0.0, 0.99 ** (every / (every + 1))))


class Linear(nn.Module):
    """A discriminator whose gradient is its weight wherever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 64).view(1, 8, 8))
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        self.seen.append(images.detach())
        return Judgement((images * self.weight).sum((1, 2, 3)))


class Halved(Augmentation):
    """Halves every image, so that a gradient through it is half as long."""

    def forward(self, samples: Tensor, uniform: Any) -> Tensor:
        return samples * 0.5


@pytest.mark.parametrize("augmented", [False, True])
def test_lazy_r1_is_a_step_of_its_own_k_times_as_strong(augmented: bool) -> None:
    """Trap: gamma / 2 times 16, summed over pixels, at the images before augmentation, where a halving halves the gradient."""
    settings = {"loss.options.r1_gamma": 0.6, "training.penalty_every": 16}
    algorithm = make(settings, augment=Halved() if augmented else None)
    algorithm.discriminator = judge = Linear()
    algorithm.parameters["discriminator"] = [judge.weight]
    algorithm.optimizers["discriminator"] = torch.optim.SGD([judge.weight], lr=1.0)
    gradients: list[Tensor] = []
    step = algorithm.optimizers["discriminator"].step
    algorithm.optimizers["discriminator"].step = lambda: (gradients.append(judge.weight.grad.clone()), step())  # type: ignore[method-assign,union-attr,assignment]
    before = judge.weight.detach().clone()
    update(algorithm, "discriminator_penalty")
    assert len(gradients) == 2
    at = before - gradients[0]  # the second step begins where the first ended
    factor = 0.25 if augmented else 1.0
    torch.testing.assert_close(gradients[1], 16 * 0.6 * factor * at)
    told = algorithm.read_statistics()
    assert told["penalty"] == pytest.approx(float(0.3 * factor * at.square().sum()), rel=1e-5)
    gradients.clear()
    update(algorithm, "discriminator")
    assert len(gradients) == 1


def test_regularisation_in_every_iteration_is_part_of_the_step() -> None:
    """Then nothing is corrected, and there is one step."""
    algorithm = make({"training.penalty_every": 1})
    steps: list[int] = []
    step = algorithm.optimizers["discriminator"].step
    algorithm.optimizers["discriminator"].step = lambda: (steps.append(1), step())  # type: ignore[method-assign,assignment]
    train(algorithm, 2)
    assert len(steps) == 2
    (group,) = algorithm.optimizers["discriminator"].param_groups
    assert float(group["lr"]) == pytest.approx(2e-3)
    assert [p.name for p in algorithm.phases()] == ["discriminator_penalty", "generator_path", "generator"]


def test_the_plan_is_lazy() -> None:
    """R1 in every 16th iteration and path lengths in every 4th, from the first on; without either, the plain updates."""
    algorithm = make({"training.penalty_every": 16}, path_every="4")
    penalised = [i for i in range(40) if algorithm.plan(i)[0] == "discriminator_penalty"]
    lengths = [i for i in range(40) if algorithm.plan(i)[1] == "generator_path"]
    assert (penalised, lengths) == ([0, 16, 32], list(range(0, 40, 4)))
    plain = make({"loss.options.r1_gamma": 0.0}, path_weight="0")
    assert [p.name for p in plain.phases()] == ["discriminator", "generator"]
    assert plain.plan(0) == ("discriminator", "generator")


def test_path_lengths_of_a_linear_generator_are_in_a_closed_form() -> None:
    """An image A w has J = A: the length is ||A^T y||; a style that goes to two layers counts their mean."""
    torch.manual_seed(0)
    matrix, noise = torch.randn(12, 4, dtype=torch.float64), torch.randn(3, 1, 3, 4, dtype=torch.float64)
    styles = torch.randn(3, 1, 4, dtype=torch.float64).requires_grad_()
    images = (styles[:, 0] @ matrix.T).view(3, 1, 3, 4)
    wanted = (noise.flatten(1) / math.sqrt(12) @ matrix).norm(dim=1)
    torch.testing.assert_close(path_lengths(images, styles, noise), wanted)
    twice = styles.detach().expand(-1, 2, -1).clone().requires_grad_()
    torch.testing.assert_close(path_lengths(((twice.sum(1)) @ matrix.T).view(3, 1, 3, 4), twice, noise), wanted)


def test_the_path_step_draws_lengths_to_their_mean_which_moves() -> None:
    """Weight times k times (length - mean)^2, on half the batch; the mean takes a step of 0.01 from 0."""
    algorithm = make(style_mixing="0")
    asked: list[int] = []
    losses: list[Tensor] = []
    styles, generator = algorithm.generator.styles, algorithm.generator  # type: ignore[union-attr]
    algorithm._regularise = lambda name, loss: losses.append(loss.detach())  # type: ignore[method-assign,assignment]

    def counted(latents: Tensor, *rest: Any) -> Tensor:
        asked.append(len(latents))
        made: Tensor = styles(latents, *rest)  # type: ignore[operator]
        return made

    generator.styles = counted  # type: ignore[assignment]
    algorithm.optimizers["generator"].step = lambda: None  # type: ignore[method-assign,assignment]
    state = algorithm.random.get_state()
    algorithm.draw_inputs(8)  # of the update before
    latents = algorithm.draw_inputs(4)
    noise = torch.randn(4, 1, 8, 8, generator=algorithm.random)
    algorithm.random.set_state(state)
    update(algorithm, "generator_path")
    assert asked[-1] == 4
    w = styles(latents, None)  # type: ignore[operator]
    lengths = path_lengths(generator.synthesis(w), w, noise)  # type: ignore[operator]  # strengths of noise are still 0
    mean = 0.01 * lengths.mean()
    torch.testing.assert_close(algorithm.path_mean, mean.detach())
    assert float(losses[0]) == pytest.approx(float(2 * 2.0 * (lengths - mean).square().mean().detach()), rel=1e-5)


def test_the_path_penalty_reaches_the_generator_and_leaves_the_discriminator() -> None:
    """A step of the generator alone, whose parameters all have a gradient in it."""
    algorithm = make()
    before = weights(algorithm)
    gradients: dict[str, Tensor | None] = {}
    algorithm.update_averages = lambda: gradients.update(  # type: ignore[method-assign]
        {name: p.grad for name, p in algorithm.generator.named_parameters()}
    )
    update(algorithm, "generator_path")
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    changed = differing(before, weights(algorithm))
    assert any(name.startswith("generator.") for name in changed)
    assert not any(name.startswith("discriminator.") for name in changed)


def test_a_batch_mixes_styles_with_the_probability() -> None:
    """How many layers keep the first: 1 to M - 1, each as often, or all; and the second latents are others."""
    algorithm = make(style_mixing="0.5")
    drawn = [algorithm._mixing(2) for _ in range(400)]
    kept = torch.tensor([float(first) for _, first in drawn if first is not None])
    layers = algorithm._layers
    assert set(kept.tolist()) == {float(i) for i in range(1, layers + 1)}
    assert float((kept == layers).float().mean()) == pytest.approx(0.5, abs=0.08)
    assert not torch.equal(drawn[0][0], drawn[1][0])  # type: ignore[arg-type]
    assert make(style_mixing="0")._mixing(2) == (None, None)


def test_the_half_life_of_the_average_may_grow() -> None:
    """At most ramp times the images seen: a copy at first, and never more than the half-life."""
    algorithm = make(average_ramp="0.5")
    for seen, halflife in ((0, 0.0), (40, 20.0), (80, 40.0), (400, 40.0)):
        algorithm.set_progress(seen)
        wanted = 1.0 if halflife == 0 else 1 - 0.5 ** (8 / halflife)
        assert float(algorithm.averages["generator"]._number) == pytest.approx(wanted)  # type: ignore[arg-type]
    fixed = make()
    fixed.set_progress(0)
    assert fixed.averages["generator"]._weight == pytest.approx(1 - 0.5 ** (8 / 40))


def test_the_average_has_the_mean_style() -> None:
    """Truncation of what is evaluated is towards what training has gathered."""
    algorithm = make()
    train(algorithm, 2)
    average: Any = algorithm.averages["generator"].module
    assert average.mean_style.abs().max() > 0
    assert torch.equal(average.mean_style, algorithm.generator.mean_style)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", [None, LABELS], ids=["plain", "labels"])
def test_captured_steps_are_the_eager_ones(labels: Tensor | None) -> None:
    """All four phases, with mixing, noise, the mean path length and the average's ramp: to the bit."""
    eager, captured = make(labels=labels, average_ramp="0.5"), make(labels=labels, average_ramp="0.5")
    graphs = RecordedGraphs()
    torch.manual_seed(1)
    train(eager, 4)
    runner = GraphRunner(captured, CPU, graphs)
    runner.start()
    captures = graphs.captures
    torch.manual_seed(1)
    for i in range(4):
        captured.set_progress(8 * i)
        runner.run(i)
    assert differing(weights(eager), weights(captured)) == []
    assert torch.equal(eager.path_mean, captured.path_mean)
    assert graphs.captures == captures


def test_a_resumed_run_is_the_same_bits() -> None:
    """The mean path length and the mean style among them."""
    whole, first, resumed = make(), make(), make()
    torch.manual_seed(1)
    train(whole, 3)
    torch.manual_seed(1)
    train(first, 1)
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    train(resumed, 2, start=1)
    assert differing(weights(whole), weights(resumed)) == []
    assert torch.equal(whole.path_mean, resumed.path_mean)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("training.shared_fakes", True, r"training.shared_fakes must be false for stylegan2"),
        ("training.d_steps", 2, r"training.d_steps must be 1 for stylegan2"),
        ("training.generator_batch_factor", 2, r"training.generator_batch_factor must be 1 for stylegan2"),
    ],
)
def test_what_it_cannot_heed_is_refused(path: str, value: Any, message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=message):
        make({path: value})


@pytest.mark.parametrize(
    ("name", "gamma", "rate", "batch_size", "halflife", "ramp"),
    [
        ("stylegan2-1024", 10.0, 2e-3, 32, 10, None),
        ("stylegan2-256", 1.0, 2.5e-3, 64, 20, None),
        ("stylegan2-ada-cifar", 0.01, 2.5e-3, 64, 500, 0.05),
        ("stylegan2-ada-cifar-unconditional", 0.01, 2.5e-3, 64, 500, 0.05),
    ],
)
def test_a_recipe_trains_as_its_source(name: str, gamma: float, rate: float, batch_size: int, halflife: float, ramp: float | None) -> None:
    """NVlabs/stylegan2-ada-pytorch @d72cc7d train.py."""
    config: Any = resolve(MANAGER, name, []).config
    options, cifar = config.architecture.options, "cifar" in name
    assert (config.loss.name, config.loss.options.r1_gamma, config.training.penalty_every) == ("logistic", gamma, 16)
    assert (config.training.batch_size, config.training.ema_halflife_kimg, options.average_ramp) == (batch_size, halflife, ramp)
    assert (options.style_mixing, options.path_weight, options.path_every) == ((0.0, 0.0, 4) if cifar else (0.9, 2.0, 4))
    assert (options.mapping_layers, options.discriminator_kind) == ((2, "orig") if cifar else (8, "resnet"))
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        found = (optimizer.kind, optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.eps)
        assert found == ("adam", rate, 0.0, 0.99, 1e-8)
    assert (config.augmentation is not None) == cifar
    if cifar:
        ada = config.augmentation.options
        assert (config.augmentation.name, ada.pipeline, ada.target, ada.every, ada.rise_kimg) == ("ada", "bgc", 0.6, 4, 500.0)

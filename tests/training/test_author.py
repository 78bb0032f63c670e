"""What an author writes, with public names: a model without a discriminator, an encoder beside a GAN, feedback to an augmentation."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from tiny_algorithm import BATCH, CPU, MANAGER, train
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import (
    AdversarialAlgorithm,
    Algorithm,
    AlgorithmContext,
    ArraySource,
    Augmentation,
    Dataset,
    Latents,
    Networks,
    Objective,
    Phase,
    Statistics,
    make_sampler,
)
from ganbench.config.resolve import Layer, resolve
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.graph_runner import GraphRunner
from ganbench_spaces.images import ImageSpace


def context(networks: Networks, augment: Augmentation | None = None) -> AlgorithmContext:
    settings = {"training.batch_size": BATCH, "training.total_kimg": 0.4, "training.ema_halflife_kimg": 0.05}
    config = resolve(MANAGER, "dcgan", [Layer(origin="test", settings=settings)]).config
    pixels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    space = ImageSpace.square(1, 8)
    source = ArraySource(pixels, None, space=space)
    return AlgorithmContext(
        config=config,
        networks=networks,
        objective=Objective(
            discriminator_loss=lambda r, f: F.softplus(-r).mean() + F.softplus(f).mean(), generator_loss=lambda f: F.softplus(-f).mean()
        ),
        sampler=make_sampler(source, batch_size=BATCH, seed=0, device=CPU),
        train_labels=None,
        device=CPU,
        dataset=Dataset(name="random", train=source),
        augment=augment,
    )


class Decoder(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(latents)


class VAE(Algorithm):
    """Kingma and Welling 2014, https://arxiv.org/abs/1312.6114."""

    runners = ("eager", "cuda_graph", "compile")
    functions = ("loss",)

    def __init__(self, given: AlgorithmContext) -> None:
        super().__init__(given, Statistics(given.device, ("loss", "divergence"), losses=("loss",)))
        self.optimise("model", *self.networks.modules.values())

    def phases(self) -> Sequence[Phase]:
        return (Phase("update", self.update, self.stage_real),)

    def update(self) -> None:
        real = self.draw_real().samples
        loss, divergence = self.loss(real, self.draw_inputs(len(real)))
        self.step("model", loss)
        self.update_averages()
        self.statistics.tell("loss", loss, divergence)

    def loss(self, real: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.networks["encoder"](real).chunk(2, dim=1)
        divergence = (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(1).mean()
        again = self.networks["decoder"](mean + log_std.exp() * noise)
        return (again - real).square().sum(dim=(1, 2, 3)).mean() + divergence, divergence


class WithEncoder(AdversarialAlgorithm):
    """An encoder learns to find the latents of generated samples."""

    def __init__(self, given: AlgorithmContext) -> None:
        super().__init__(given)
        self.optimise("encoder", self.networks["encoder"])

    def phases(self) -> Sequence[Phase]:
        return (*super().phases(), Phase("encoder", self.encoder_update))

    def plan(self, iteration: int) -> tuple[str, ...]:
        return ("encoder", *super().plan(iteration))  # the generator's update ends the iteration

    def encoder_update(self) -> None:
        latents = self.draw_inputs(BATCH)
        with torch.no_grad():
            samples = self.generate(latents, None)
        self.step("encoder", (self.networks["encoder"](samples) - latents).square().mean())


class Adaptive(Augmentation):
    """ADA's rule (Karras et al. 2020, https://arxiv.org/abs/2006.06676): stronger while more than 0.6 of the real logits' signs are 1."""

    strength: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strength", torch.full((), 0.5))

    def forward(self, samples: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        return samples * torch.where(uniform(len(samples)) < self.strength, -1.0, 1.0)[:, None, None, None]

    @torch.no_grad()
    def observe(self, real_logits: Tensor) -> None:
        self.strength.add_(0.01 * torch.sign(real_logits.sign().mean() - 0.6)).clamp_(0, 1)


def judge() -> nn.Module:
    class Discriminator(nn.Sequential):
        def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
            logits: Tensor = super().forward(samples)
            return logits[:, 0]

    return Discriminator(nn.Flatten(), nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))


def distance(modules: Any, samples: Tensor) -> Tensor:
    again: Tensor = modules["generator"](modules["encoder"](samples), None)
    return (again - samples).square().mean(dim=(1, 2, 3))


def vae() -> Algorithm:
    torch.manual_seed(0)
    modules = {"encoder": nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), "decoder": Decoder()}
    return VAE(context(Networks(modules=modules, inputs=Latents(4), averaged=("decoder",), generate=lambda m, z, labels: m["decoder"](z))))


def with_encoder() -> Algorithm:
    torch.manual_seed(0)
    modules = {"generator": Decoder(), "discriminator": judge(), "encoder": nn.Sequential(nn.Flatten(), nn.Linear(64, 4))}
    return WithEncoder(context(Networks(modules=modules, inputs=Latents(4), scorers={"reconstruction": distance})))


def adaptive() -> Algorithm:
    torch.manual_seed(0)
    return AdversarialAlgorithm(
        context(Networks(modules={"generator": Decoder(), "discriminator": judge()}, inputs=Latents(4)), Adaptive())
    )


MODELS = {"vae": vae, "encoder": with_encoder, "adaptive": adaptive}


def tensors(algorithm: Algorithm) -> dict[str, Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_run_is_the_same_bits(name: str) -> None:
    """Whatever is tracked is all that there is."""
    whole, first, resumed = (MODELS[name]() for _ in range(3))
    train(whole, 6)  # type: ignore[arg-type]
    train(first, 3)  # type: ignore[arg-type]
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    train(resumed, 3, start=3)  # type: ignore[arg-type]
    expected, found = tensors(whole), tensors(resumed)
    assert [k for k in expected if not torch.equal(expected[k], found[k])] == []
    assert torch.equal(whole.trajectory(), resumed.trajectory())
    assert len(whole.trajectory()) == 6


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("name", MODELS)
def test_captured_steps_are_the_same_bits(name: str) -> None:
    """Through the runner with its proofs; averages and an augmentation's strength move in the replays."""
    eager, captured = MODELS[name](), MODELS[name]()
    runner = GraphRunner(captured, CPU, RecordedGraphs())
    runner.start()
    seen = 0
    for i in range(5):
        eager.set_progress(seen)
        execute(eager, i)
        captured.set_progress(seen)
        runner.run(i)
        seen += eager.samples_shown(i)
    expected, found = tensors(eager), tensors(captured)
    assert [k for k in expected if not torch.equal(expected[k], found[k])] == []


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("name", MODELS)
def test_compiled_steps_pass_the_proof(name: str) -> None:
    """What is compiled repeats the eager losses."""
    algorithm = MODELS[name]()
    runner = CompileRunner(algorithm, CPU, backend="eager")
    runner.start()
    runner.run(0)
    assert algorithm.trajectory().isfinite().all()


def test_a_model_without_a_discriminator_samples() -> None:
    """The averaged decoder makes the samples, and its own statistics are read by name."""
    algorithm = vae()
    train(algorithm, 2)  # type: ignore[arg-type]
    assert set(algorithm.read_statistics()) == {"loss", "divergence"}
    assert algorithm.sample(torch.zeros(3, 4), None).shape == (3, 1, 8, 8)


def test_a_scorer_gives_each_sample_a_number() -> None:
    """By the averaged generator and the encoder, which trains on afterwards."""
    algorithm = with_encoder()
    assert algorithm.score("reconstruction", torch.zeros(5, 1, 8, 8)).shape == (5,)
    assert algorithm.modules()["encoder"].training


def test_the_strength_of_an_augmentation_follows_the_discriminator() -> None:
    """Its buffer moves at each of the discriminator's updates."""
    algorithm = adaptive()
    train(algorithm, 4)  # type: ignore[arg-type]
    assert float(algorithm.modules()["augmentation"].strength) != 0.5  # type: ignore[arg-type]


class Falling(nn.Module):
    """A penalty whose weight falls with the samples that were seen, in a buffer, so that it is saved and captured steps follow it."""

    name = "falling"
    needs_independent_samples = False
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(()))

    def set_progress(self, samples_seen: int) -> None:
        self.weight.fill_(1 - samples_seen / 400)

    def forward(self, discriminate: Any, real: Tensor, fake: Tensor, uniform: Any) -> Tensor:
        return self.weight * discriminate(real).square().mean()


def test_a_penalty_follows_the_run_and_is_saved() -> None:
    """The gamma of R3GAN falls while it trains; before, a penalty heard nothing of the run."""
    made = context(Networks(modules={"generator": Decoder(), "discriminator": judge()}, inputs=Latents(4)))
    penalty = Falling()
    objective = dataclasses.replace(made.objective, penalties=(penalty,))  # type: ignore[type-var]
    algorithm = AdversarialAlgorithm(dataclasses.replace(made, objective=objective))
    algorithm.set_progress(100)
    assert penalty.weight == 0.75
    execute(algorithm, 0)
    saved = copy.deepcopy(algorithm.state_dict())
    assert saved["modules"]["penalty_0"]["weight"] == 0.75
    algorithm.set_progress(300)
    algorithm.load_state_dict(saved)
    assert penalty.weight == 0.75

"""R3GAN's iteration: what is paired, where penalties are taken, and the numbers that follow the images seen."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from random_images import context_on_random_images
from torch import Tensor, nn

from ganbench import Augmentation, ConfigError, Judgement
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner
from ganbench_r3gan.algorithm import R3GANAlgorithm
from ganbench_r3gan.schedule import MovingAdam

MANAGER = PluginManager()
CPU = torch.device("cpu")
LABELS = torch.arange(40) % 3
NARROW = {"width": "8", "latent_dim": "4", "blocks": "1", "group_channels": "4"}


def make(
    settings: dict[str, Any] | None = None, labels: Tensor | None = LABELS, augment: Augmentation | None = None, **options: str
) -> R3GANAlgorithm:
    """Build the algorithm of a narrow R3GAN on 40 random 8x8 images, as a run does."""
    chosen = {"training.batch_size": 8, "training.total_kimg": 0.08, "training.ema_halflife_kimg": 0.04, **(settings or {})}
    config = resolve(MANAGER, "r3gan", [Layer(origin="test", settings=chosen)], {**NARROW, **options}).config
    return R3GANAlgorithm(context_on_random_images(MANAGER, config, resolution=8, labels=labels, augment=augment))


def train(algorithm: R3GANAlgorithm, iterations: int, start: int = 0) -> None:
    """Run iterations as the trainer does."""
    seen = sum(algorithm.samples_shown(i) for i in range(start))
    for i in range(start, start + iterations):
        algorithm.set_progress(seen)
        execute(algorithm, i)
        seen += algorithm.samples_shown(i)


def weights(algorithm: R3GANAlgorithm) -> dict[str, Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [name for name in a if not torch.equal(a[name], b[name])]


class Linear(nn.Module):
    """A discriminator whose gradient is its weight wherever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 64).view(1, 8, 8))
        self.seen: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        self.seen.append((images.detach().clone(), labels))
        return Judgement((images * self.weight).sum((1, 2, 3)))


class Halved(Augmentation):
    """Halves every image, so that a gradient through it is half as long."""

    def forward(self, samples: Tensor, uniform: Any) -> Tensor:
        return samples * 0.5


def with_linear(**arguments: Any) -> tuple[R3GANAlgorithm, Linear]:
    """Put a linear discriminator in the place of R3GAN's."""
    algorithm = make(**arguments)
    algorithm.discriminator = judge = Linear()
    algorithm.parameters["discriminator"] = [judge.weight]
    algorithm.optimizers["discriminator"] = torch.optim.SGD([judge.weight], lr=0.0)
    return algorithm, judge


def update(algorithm: R3GANAlgorithm, phase: str) -> None:
    """Do one phase alone."""
    (found,) = (p for p in algorithm.phases() if p.name == phase)
    found.prepare()
    found.run()


@pytest.mark.parametrize(("gammas", "factor"), [((0.6, 0.0), 0.3), ((0.0, 0.6), 0.3), ((0.6, 0.6), 0.6)], ids=["r1", "r2", "both"])
@pytest.mark.parametrize("augmented", [False, True])
def test_r1_and_r2_of_a_linear_discriminator_are_its_squared_norm(gammas: tuple[float, float], factor: float, augmented: bool) -> None:
    """Trap: gamma / 2 for each, summed over pixels, at the images before augmentation, where a halving halves the gradient."""
    settings = {"loss.options.r1_gamma": gammas[0], "loss.options.r2_gamma": gammas[1]}
    algorithm, judge = with_linear(settings=settings, augment=Halved() if augmented else None)
    update(algorithm, "discriminator_penalty")
    expected = factor * judge.weight.square().sum().item() * (0.25 if augmented else 1)
    assert algorithm.read_statistics()["penalty"] == pytest.approx(expected, rel=1e-5)


def test_the_penalties_are_part_of_every_step_and_of_the_logits_of_the_loss() -> None:
    """Trap: no lazy regularisation; one call of the discriminator for each batch serves both."""
    algorithm, judge = with_linear()
    assert {algorithm.plan(i) for i in range(20)} == {("discriminator_penalty", "generator")}
    update(algorithm, "discriminator_penalty")
    assert len(judge.seen) == 2


def test_a_penalised_step_is_the_gradient_of_loss_and_penalties() -> None:
    """RpGAN + R1 + R2 written out, with a discriminator that is trained a little."""
    algorithm = make({"loss.options.r1_gamma": 0.3, "loss.options.r2_gamma": 0.7})
    train(algorithm, 3)
    twin = make({"loss.options.r1_gamma": 0.3, "loss.options.r2_gamma": 0.7})
    twin.load_state_dict(copy.deepcopy(algorithm.state_dict()))
    discriminator = twin.discriminator
    twin.stage_real()
    batch = twin.draw_real()
    with torch.no_grad():
        fake = twin.generate(twin.draw_inputs(8), batch.labels)
    real, fake = batch.samples.detach().requires_grad_(), fake.requires_grad_()
    r, f = (discriminator(images, batch.labels).logits for images in (real, fake))
    loss = torch.nn.functional.softplus(f - r).mean()
    for logits, images, gamma in ((r, real, 0.3), (f, fake, 0.7)):
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        loss = loss + twin.gamma() * gamma / 2 * gradient.square().sum((1, 2, 3)).mean()
    expected = torch.autograd.grad(loss, list(discriminator.parameters()))
    update(algorithm, "discriminator_penalty")
    for found, wanted in zip(algorithm.discriminator.parameters(), expected, strict=True):
        torch.testing.assert_close(found.grad, wanted, rtol=1e-4, atol=1e-6)


def test_a_pair_shares_its_class_in_both_updates() -> None:
    """Trap: generated images have the labels of the real batch, in order, and real ones their own."""
    algorithm, judge = with_linear()
    asked: list[Tensor | None] = []
    algorithm.generator.register_forward_pre_hook(lambda module, inputs: asked.append(inputs[1]))
    for phase in ("discriminator_penalty", "generator"):
        judge.seen.clear()
        asked.clear()
        update(algorithm, phase)
        labels = {tuple(seen[1].tolist()) for seen in judge.seen if seen[1] is not None}
        assert labels == {tuple(asked[0].tolist())}  # type: ignore[union-attr]
        (real,) = [images for images, _ in judge.seen if images.square().mean() > 0.2]
        data = algorithm.dataset.train.read(torch.arange(40)).float() / 127.5 - 1
        places = [int((data - image).abs().flatten(1).sum(1).argmin()) for image in real]
        assert [int(LABELS[place]) for place in places] == list(next(iter(labels)))


def test_pairing_other_images_changes_the_value_and_not_its_expectation() -> None:
    """Trap: without labels a permutation of the generated batch is as good; the mean over all pairings is one number."""
    algorithm = make(labels=None)
    torch.manual_seed(3)
    real, fake = torch.randn(8), torch.randn(8)
    loss = algorithm.objective.discriminator_loss
    values = torch.stack([loss(real, fake.roll(by))[0] for by in range(8)])  # type: ignore[index]
    assert values.std() > 1e-3
    torch.testing.assert_close(values.mean(), torch.nn.functional.softplus(fake[None] - real[:, None]).mean())


@pytest.mark.parametrize("name", ["logistic", "hinge", "relativistic-average"])
def test_other_losses_train(name: str) -> None:
    """The ablation of the article: the same iteration with another loss, or without one of the penalties."""
    algorithm = make({"loss.name": name, "loss.options.r1_gamma": 0.1, "loss.options.r2_gamma": 0.0})
    train(algorithm, 2)
    assert algorithm.trajectory().isfinite().all()


def numbers(algorithm: R3GANAlgorithm) -> dict[str, float]:
    """Return everything that a schedule moves."""
    found = {"gamma": float(algorithm.gamma()), "average": float(algorithm.averages["generator"]._number)}  # type: ignore[arg-type]
    for name, optimizer in algorithm.optimizers.items():
        (group,) = optimizer.param_groups
        found |= {f"{name}.lr": float(group["lr"]), f"{name}.beta2": float(group["beta2"])}
    return found


def test_five_numbers_follow_the_images_seen() -> None:
    """Rates to a quarter, beta2 0.9 to 0.99, gamma to a tenth, the half-life from 0."""
    algorithm = make()
    ends = {"generator.lr": (2e-4, 5e-5), "discriminator.beta2": (0.9, 0.99), "gamma": (1.0, 0.1)}
    for seen, place in ((0, 0.0), (20, 0.5 - 0.5 * 0.5**0.5), (40, 0.5), (80, 1.0), (200, 1.0)):
        algorithm.set_progress(seen)
        found = numbers(algorithm)
        for name, (first, last) in ends.items():
            assert found[name] == pytest.approx(first + place * (last - first), rel=1e-5)
        halflife = 40 * place
        assert found["average"] == pytest.approx(1.0 if halflife == 0 else 1 - 0.5 ** (8 / halflife), rel=1e-5)


def test_another_batch_does_not_change_the_schedules() -> None:
    """Trap: they follow images, not steps; only the average's weight is of an update."""
    small, large = make(), make({"training.batch_size": 16})
    train(small, 4)
    train(large, 2)
    for algorithm in (small, large):
        algorithm.set_progress(32)
    ours, theirs = numbers(small), numbers(large)
    assert {k: v for k, v in ours.items() if k != "average"} == {k: v for k, v in theirs.items() if k != "average"}
    assert (1 - ours["average"]) ** 2 == pytest.approx(1 - theirs["average"], rel=1e-5)


def test_a_schedule_may_be_shorter_than_the_budget() -> None:
    """And each may be left out."""
    algorithm = make(schedule_kimg="0.016", final_rate="1", final_gamma="1", ramp_average="false", final_beta2="none")
    train(algorithm, 4)
    (group,) = algorithm.optimizers["generator"].param_groups
    assert (float(algorithm.gamma()), float(group["lr"]), float(group["beta2"])) == pytest.approx((1.0, 2e-4, 0.9))
    short = make(schedule_kimg="0.016")
    short.set_progress(16)
    assert numbers(short)["discriminator.beta2"] == pytest.approx(0.99)


def test_the_average_begins_as_a_copy() -> None:
    """Trap: with a half-life of 0 it is the raw weights, and not NaN; later it lags behind."""
    algorithm = make()
    train(algorithm, 1)
    average = dict(algorithm.averages["generator"].module.named_parameters())
    assert [name for name, p in algorithm.generator.named_parameters() if not torch.equal(p, average[name])] == []
    train(algorithm, 3, start=1)
    assert not torch.equal(average["basis"], algorithm.generator.basis)  # type: ignore[arg-type]
    assert all(p.isfinite().all() for p in average.values())


def test_adam_is_torchs_whose_beta2_is_set_before_each_step() -> None:
    """Trap: a moving beta2, bias correction and eps as torch has them."""
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(5))]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    lr, beta2 = torch.tensor(1e-2), torch.tensor(0.9)
    moving = MovingAdam(ours, lr=lr, beta2=beta2, beta1=0.3, eps=1e-3, weight_decay=0.01)
    plain = torch.optim.Adam(theirs, lr=1e-2, betas=(0.3, 0.9), eps=1e-3, weight_decay=0.01)
    for i in range(6):
        beta2.fill_(0.9 + 0.015 * i)
        plain.param_groups[0]["betas"] = (0.3, 0.9 + 0.015 * i)
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        moving.step()
        plain.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_captured_steps_follow_every_schedule() -> None:
    """Trap: what a framework copies once stands still; replays are the eager steps to the bit, from one capture."""
    eager, captured, graphs = make(), make(), RecordedGraphs()
    runner = GraphRunner(captured, CPU, graphs)
    runner.start()
    captures, seen = graphs.captures, 0
    for i in range(6):
        for algorithm, run in ((eager, lambda i: execute(eager, i)), (captured, runner.run)):
            algorithm.set_progress(seen)
            run(i)
        seen += eager.samples_shown(i)
    assert differing(weights(eager), weights(captured)) == []
    assert graphs.captures == captures


def test_a_resumed_run_is_the_same_bits() -> None:
    """In the middle of all schedules."""
    whole, first, resumed = make(), make(), make()
    train(whole, 6)
    train(first, 3)
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    train(resumed, 3, start=3)
    assert differing(weights(whole), weights(resumed)) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("generator_optimizer.kind", "sgd", r"generator_optimizer.kind must be adam for r3gan \(got sgd\)"),
        ("discriminator_optimizer.schedule", "cosine", r"discriminator_optimizer.schedule must be constant for r3gan \(got cosine\)"),
        ("training.shared_fakes", True, r"training.shared_fakes must be false for r3gan"),
        ("training.generator_batch_factor", 2, r"training.generator_batch_factor must be 1 for r3gan"),
    ],
)
def test_what_it_cannot_heed_is_refused(path: str, value: Any, message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=message):
        make({path: value})


def test_another_learning_rate_keeps_its_schedule() -> None:
    """As a person sets it on the page of a paused run."""
    algorithm = make()
    algorithm.schedules["generator"].change(1e-3, 40)
    (group,) = algorithm.optimizers["generator"].param_groups
    assert float(group["lr"]) == pytest.approx(1e-3 * (1 + 0.25) / 2)
    assert algorithm.schedules["discriminator"].value(0) == 2e-4


@pytest.mark.parametrize(
    ("name", "gamma", "batch_size", "schedule_kimg", "halflife_kimg", "probability"),
    [
        ("r3gan-cifar", 0.05, 512, 20_000, 5_000, 0.55),
        ("r3gan-ffhq-64", 2.0, 256, 20_000, 500, 0.3),
        ("r3gan-ffhq-256", 150.0, 256, 20_000, 500, 0.3),
        ("r3gan-imagenet-32", 0.5, 4096, 200_000, 50_000, 0.5),
        ("r3gan-imagenet-64", 1.0, 4096, 200_000, 50_000, 0.4),
    ],
)
def test_a_preset_trains_as_its_source(
    name: str, gamma: float, batch_size: int, schedule_kimg: float, halflife_kimg: float, probability: float
) -> None:
    """brownvc/R3GAN @19a7ddf train.py; what was not checked there is told as a deviation."""
    resolved = resolve(MANAGER, name, [])
    config: Any = resolved.config
    options = config.architecture.options
    assert (config.loss.name, config.loss.options.r1_gamma, config.loss.options.r2_gamma) == ("relativistic", gamma, gamma)
    assert (config.training.batch_size, config.training.ema_halflife_kimg, options.schedule_kimg) == (
        batch_size,
        halflife_kimg,
        schedule_kimg,
    )
    assert (options.final_rate, options.final_beta2, options.final_gamma, options.ramp_average) == (0.25, 0.99, 0.1, True)
    assert (config.training.penalty_every, config.training.horizontal_flip, config.training.shared_fakes) == (1, True, False)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        found = (optimizer.kind, optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.eps)
        assert found == ("adam", 2e-4, 0.0, 0.9, 1e-8)
    ada = config.augmentation.options
    found = (config.augmentation.name, ada.target, ada.strength, ada.final_strength, ada.ramp_kimg)
    assert found == ("ada", None, 0.0, probability, schedule_kimg)
    (spec,) = (r.spec for r in MANAGER.registered if r.spec.name == name)
    assert any("augmentation" in deviation for deviation in spec.deviations)  # type: ignore[attr-defined]

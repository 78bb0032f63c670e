"""What networks, losses and augmentations may ask of the default iteration beyond two scalar losses, each against its definition."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_algorithm import BATCH, MANAGER, assert_same, train, weights
from torch import Tensor, nn

from ganbench.config.resolve import Layer, resolve
from ganbench.data.choose import make_sampler
from ganbench.data.source import Dataset
from ganbench.errors import ConfigError
from ganbench.run.compatible import check_pair
from ganbench.spec import ArchitectureSpec
from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench.training.algorithm import AlgorithmContext
from ganbench.training.inputs import Latents
from ganbench.training.networks import Networks
from ganbench.training.objective import Augmentation, Judgement, Objective, Seen, boosted_steps, pack, steps_before
from ganbench_spaces.images import image_source

CPU = torch.device("cpu")
LABELS = torch.arange(40) % 3


class Draw(nn.Module):
    """Latents ``[N, 3]`` to images ``[N, 1, 4, 4]``; remembers its reference."""

    reference: Tensor

    def __init__(self, wants_reference: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 16)
        if wants_reference:
            self.set_reference = self._keep
            self.register_buffer("reference", torch.zeros(BATCH, 3))

    def _keep(self, inputs: Tensor, labels: Tensor | None) -> None:
        self.reference.copy_(inputs)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return torch.tanh(self.linear(latents)).view(-1, 1, 4, 4)


class Judge(nn.Module):
    """Images to logits, class logits and features; remembers what it was shown."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.features, self.logit, self.classes = nn.Linear(channels * 16, 5), nn.Linear(5, 1), nn.Linear(5, 3)
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        self.shown.append(images.detach().clone())
        features = torch.tanh(self.features(images.flatten(1)))
        return Judgement(self.logit(features).flatten(), self.classes(features), features)


class Recorder:
    """A term that adds a number and keeps what it saw."""

    name = "recorder"

    def __init__(self, needs_real: bool = False) -> None:
        self.needs_real = needs_real
        self.seen: list[tuple[str, Seen]] = []

    def of_discriminator(self, seen: Seen) -> Tensor:
        self.seen.append(("discriminator", seen))
        return torch.tensor(100.0)

    def of_generator(self, seen: Seen) -> Tensor | None:
        self.seen.append(("generator", seen))
        return None


def losses(**settings: Any) -> Objective:
    return Objective(
        discriminator_loss=lambda r, f: (f - r).mean(),
        generator_loss=lambda f: -f.mean(),
        **settings,
    )


def make(objective: Objective, networks: Networks | None = None, augment: Any = None, **settings: Any) -> AdversarialAlgorithm:
    torch.manual_seed(0)
    networks = networks or Networks(modules={"generator": Draw(), "discriminator": Judge()}, inputs=Latents(3))
    chosen = {"training.batch_size": BATCH, "training.total_kimg": 0.4, "training.channels_last": False, **settings}
    config = resolve(MANAGER, "dcgan", [Layer(origin="test", settings=chosen)]).config
    pixels = torch.randint(0, 256, (40, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    dataset = Dataset(name="random", train=image_source(pixels, LABELS))
    return AdversarialAlgorithm(
        AlgorithmContext(
            config=config,
            networks=networks,
            objective=objective,
            sampler=make_sampler(dataset.train, batch_size=BATCH, seed=0),
            train_labels=LABELS,
            device=CPU,
            dataset=dataset,
            augment=augment,
        )
    )


def judge_of(algorithm: AdversarialAlgorithm) -> Judge:
    judge = algorithm.modules()["discriminator"]
    assert isinstance(judge, Judge)
    return judge


def real_batches(count: int) -> list[Tensor]:
    """The first batches of the run."""
    pixels = torch.randint(0, 256, (40, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    sampler = make_sampler(image_source(pixels, LABELS), batch_size=BATCH, seed=0)
    return [sampler.next(BATCH).samples for _ in range(count)]


@pytest.mark.parametrize("conditional", [False, True])
def test_a_term_sees_both_judgements_with_their_labels_and_is_added(conditional: bool) -> None:
    """In the discriminator's update; the generator's has the generated batch alone unless the term needs the real one."""
    term = Recorder()
    networks = Networks(modules={"generator": Draw(), "discriminator": Judge()}, inputs=Latents(3, labels=conditional), terms=(term,))
    algorithm = make(losses(), networks)
    train(algorithm, 1)
    (first, seen), (second, later) = term.seen
    assert (first, second) == ("discriminator", "generator")
    assert seen.real is not None
    assert seen.real.class_logits is not None
    assert seen.real.class_logits.shape == (BATCH, 3)
    assert later.real is None
    for labels in (seen.real_labels, seen.fake_labels, later.fake_labels):
        assert (labels is not None) is conditional
    gap = float((seen.fake.logits - seen.real.logits).detach().mean())
    assert float(algorithm.trajectory()[0, 0]) == pytest.approx(100 + gap, abs=1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_a_loss_that_needs_real_images_gets_them_in_the_generators_update(shared: bool) -> None:
    """The batch of the discriminator's update where one iteration does both, else one of its own."""
    term = Recorder(needs_real=True)
    pairs: list[tuple[Tensor, Tensor]] = []

    def paired(real: Tensor, fake: Tensor) -> Tensor:
        pairs.append((real.detach(), fake.detach()))
        return (real - fake).mean()

    algorithm = make(losses(terms=(term,), paired_generator_loss=paired), **{"training.shared_fakes": shared})
    train(algorithm, 1)
    shown = judge_of(algorithm).shown
    batches = real_batches(2)
    assert torch.equal(shown[0], batches[0])
    assert torch.equal(shown[-1], batches[0] if shared else batches[1])
    assert term.seen[-1][1].real is not None
    assert pairs[0][0].shape == (BATCH,)
    train(algorithm, 1, start=1)
    assert torch.equal(judge_of(algorithm).shown[len(shown) // 2], real_batches(3)[1 if shared else 2])


def test_an_augmentation_is_applied_to_all_that_the_discriminator_sees() -> None:
    """Real and generated images, in both updates, each time with numbers of its own."""
    draws: list[Tensor] = []

    class Shifted(Augmentation):
        def forward(self, images: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
            draws.append(uniform(len(images)))
            return images + 10 + draws[-1].view(-1, 1, 1, 1)

    algorithm = make(losses(), augment=Shifted())
    train(algorithm, 1)
    shown = judge_of(algorithm).shown
    assert len(shown) == len(draws) == 3
    assert all(float(images.min()) >= 9 for images in shown)
    assert not torch.equal(draws[0], draws[1])
    torch.testing.assert_close(shown[0], real_batches(1)[0] + 10 + draws[0].view(-1, 1, 1, 1))
    train(algorithm, 1, start=1)
    assert not torch.equal(draws[0], draws[3])


def test_packs_hold_neighbours_of_a_batch_one_behind_the_other() -> None:
    """Lin et al. 2018: m images as channels; the batch is m times shorter for the discriminator."""
    networks = Networks(modules={"generator": Draw(), "discriminator": Judge(2)}, inputs=Latents(3))
    algorithm = make(losses(), networks, **{"training.packing": 2})
    train(algorithm, 1)
    batch = real_batches(1)[0]
    shown = judge_of(algorithm).shown
    assert [list(images.shape) for images in shown] == [[BATCH // 2, 2, 4, 4]] * 3
    assert torch.equal(shown[0][1, 0], batch[2, 0])
    assert torch.equal(shown[0][1, 1], batch[3, 0])
    assert torch.equal(pack(batch, 1), batch)


def test_dequantisation_adds_less_than_one_grey_level() -> None:
    """U(0, 1/128) on the real images only."""
    algorithm = make(losses(), **{"training.dequantise": True})
    train(algorithm, 1)
    added = judge_of(algorithm).shown[0] - real_batches(1)[0]
    assert float(added.min()) >= -1e-6
    assert float(added.max()) < 1 / 128 + 1e-6
    assert float(added.std()) == pytest.approx(1 / 128 / 12**0.5, rel=0.2)


class Follower(nn.Module):
    """Half the squared distance from where the parameters were at the last call."""

    before: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._followed = [next(network.parameters())]
        self.register_buffer("before", torch.zeros_like(self._followed[0]))

    def forward(self) -> Tensor:
        loss = 0.5 * (self._followed[0] - self.before).square().sum()
        with torch.no_grad():
            self.before.copy_(self._followed[0])
        return loss


def test_a_weight_term_pulls_its_network_and_is_saved_with_the_run() -> None:
    """For the role that it is made for; a resumed run goes on to the same bits."""

    def of_generator(network: nn.Module, role: str) -> nn.Module | None:
        return Follower(network) if role == "generator" else None

    def build() -> AdversarialAlgorithm:
        return make(losses(weight_terms=(of_generator,)))

    whole, plain = build(), make(losses())
    train(whole, 2)
    train(plain, 2)
    names = [name for name in whole.modules() if name.endswith("weight_term_0")]
    assert names == ["generator_weight_term_0"]
    assert not torch.equal(weights(whole)["generator.linear.weight"], weights(plain)["generator.linear.weight"])
    buffer = io.BytesIO()
    torch.save(whole.state_dict(), buffer)
    resumed = build()
    buffer.seek(0)
    resumed.load_state_dict(torch.load(buffer, weights_only=True))
    train(whole, 2, start=2)
    train(resumed, 2, start=2)
    assert_same(weights(whole), weights(resumed))


def test_a_network_that_wants_a_reference_gets_one_fixed_batch() -> None:
    """Latents for the generator, in its average too; the same for the same seed."""
    first, second = (
        make(losses(), Networks(modules={"generator": Draw(True), "discriminator": Judge()}, inputs=Latents(3))) for _ in range(2)
    )
    reference = weights(first)["generator.reference"]
    assert float(reference.std()) > 0.5
    assert torch.equal(reference, weights(first)["generator_ema.reference"])
    assert torch.equal(reference, weights(second)["generator.reference"])


def test_the_boost_gives_the_first_25_iterations_and_every_500th_more_steps() -> None:
    """martinarjovsky/WassersteinGAN main.py; images are counted as they are shown."""
    algorithm = make(losses(), **{"training.d_steps": 5, "training.d_steps_boost": 100})
    counts = [algorithm.plan(i).count("discriminator") for i in (0, 24, 25, 26, 499, 500, 501, 1000)]
    assert counts == [100, 100, 5, 5, 5, 100, 5, 100]
    assert algorithm.samples_shown(0) == 100 * BATCH
    assert algorithm.samples_shown(25) == 5 * BATCH
    total = 0
    for iteration in range(1201):
        assert steps_before(iteration, 5, 100) == total
        total += boosted_steps(iteration, 5, 100)


def test_latents_are_drawn_as_the_networks_say() -> None:
    """N(0, 1), U(-1, 1), and normal ones truncated by drawing again."""
    normal, uniform = Latents(50), Latents(50, "uniform")
    random = torch.Generator().manual_seed(0)
    assert float(normal.draw(400, random).std()) == pytest.approx(1, abs=0.02)
    flat = uniform.draw(400, random)
    assert float(flat.abs().max()) <= 1
    assert float(flat.std()) == pytest.approx(3**-0.5, abs=0.01)
    short = normal.draw(400, random, truncation=0.5)
    assert float(short.abs().max()) <= 0.5
    assert float(short.std()) > 0.25


COUPLED = nn.Sequential(nn.BatchNorm2d(1))


@pytest.mark.parametrize(
    ("spec", "inputs", "settings", "objective", "judged", "message"),
    [
        ({"losses": ("hinge",)}, {}, {}, {}, {}, "thing is not trained with the loss 'logistic' (it is with hinge)"),
        ({}, {}, {}, {"needs_features": True}, {}, "looks at the discriminator's features, and thing shows none"),
        (
            {},
            {},
            {"training.generator_batch_factor": 2},
            {"paired_generator_loss": lambda r, f: f.mean()},
            {},
            "training.generator_batch_factor makes unequal batches",
        ),
        ({}, {}, {"training.packing": 2}, {}, {}, "the discriminator of thing judges one image at a time"),
        ({"packing": True}, {"labels": True}, {"training.packing": 2}, {}, {}, "a pack of images of several classes has no label"),
        (
            {},
            {"distribution": "uniform"},
            {"evaluation.truncation": 0.5},
            {},
            {},
            "is for normal latents, and thing has uniform ones",
        ),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_work_is_refused_even_with_force(
    spec: dict[str, Any],
    inputs: dict[str, Any],
    settings: dict[str, Any],
    objective: dict[str, Any],
    judged: dict[str, Any],
    message: str,
    force: bool,
) -> None:
    """One line each, before anything is trained."""
    config = resolve(MANAGER, "dcgan", [Layer(origin="test", settings={**settings, "training.force": force})]).config
    made = Networks(modules={"generator": Draw(), "discriminator": Judge()}, inputs=Latents(3, **inputs))
    of = ArchitectureSpec(name="thing", summary="", factory="a:b", **spec)
    with pytest.raises(ConfigError) as caught:
        check_pair(config, of, made, losses(**objective), Judgement(torch.zeros(2), **judged))
    assert message in str(caught.value)


class Independent:
    name = "by-sample"
    needs_independent_samples = True

    def __call__(self, *_: Any) -> Tensor:
        return torch.zeros(())


def test_what_makes_no_sense_is_refused_unless_forced() -> None:
    """Trap 2: batch norm under a penalty on single samples; forced, the reason is returned for the record."""
    made = Networks(modules={"generator": Draw(), "discriminator": COUPLED}, inputs=Latents(3))
    of = ArchitectureSpec(name="thing", summary="", factory="a:b")
    for force in (False, True):
        config = resolve(MANAGER, "dcgan", [Layer(origin="test", settings={"training.force": force})]).config
        arguments = (config, of, made, losses(penalties=(Independent(),)), Judgement(torch.zeros(2)))
        if force:
            (reason,) = check_pair(*arguments)
            assert "batch norm, which couples samples" in reason
        else:
            with pytest.raises(ConfigError, match=r"couples samples.*--force runs it all the same"):
                check_pair(*arguments)

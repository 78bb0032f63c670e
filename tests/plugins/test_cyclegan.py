"""CycleGAN's iteration: the losses of the paper and its source, the order of the updates, the two domains, and what it is evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import ArraySource, Dataset, ExtractorSpec, MetricSpec
from ganbench.config.resolve import Layer
from ganbench.errors import ConfigError
from ganbench.evaluation.naming import _plan_metric
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import build
from ganbench.run.plan import plan_run
from ganbench.training.algorithm import execute
from ganbench_spaces.images import draw_images, image_source
from ganbench_translation.cycle_algorithm import CycleAlgorithm
from ganbench_translation.domains import dataset_of_class, held_out, images_of_class
from ganbench_translation.subsets import PartSource, part_of

MANAGER = PluginManager()
SMALL = {
    "dataset.name": "digits",
    "dataset.options.resolution": 8,
    "architecture.options.width": 4,
    "architecture.options.discriminator_width": 4,
    "architecture.options.num_blocks": 1,
    "architecture.options.pool_size": 0,
    "training.batch_size": 4,
    "training.device": "cpu",
    "training.threads": 1,
}


def make(name: str = "cyclegan", **settings: Any) -> CycleAlgorithm:
    """Build the algorithm as a run does; ``architecture__options__width=4`` sets that path."""
    chosen = {**SMALL, **{path.replace("__", "."): value for path, value in settings.items()}}
    chosen["evaluation.metrics"] = ()
    algorithm: Any = build(plan_run(MANAGER, name, [Layer(origin="test", settings=chosen)]), MANAGER).algorithm
    return algorithm


def batch(algorithm: CycleAlgorithm) -> tuple[Tensor, Tensor]:
    algorithm.phases()[0].stage()
    return algorithm.take("source"), algorithm.take("target")


def squared(logits: Tensor, target: float) -> Tensor:
    return (logits - target).square().mean()


def test_the_generators_loss_is_the_sources() -> None:
    """Equation 3 with squared errors, lambda 10 and identity losses of half of that (cycle_gan_model.py backward_G)."""
    ours = make()
    source, target = batch(ours)
    g, f, d_y, d_x = (ours.modules()[n] for n in ("generator", "backward_generator", "discriminator", "backward_discriminator"))
    expected = squared(d_y(g(source)), 1) + squared(d_x(f(target)), 1)
    expected = expected + 10 * (F.l1_loss(f(g(source)), source) + F.l1_loss(g(f(target)), target))
    expected = expected + 5 * (F.l1_loss(g(target), target) + F.l1_loss(f(source), source))
    loss, to_target, to_source = ours.generators_loss(source, target)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(to_target, g(source))
    torch.testing.assert_close(to_source, f(target))


def test_the_discriminators_loss_is_the_sources() -> None:
    """Half of the squared errors of real and generated images, in each domain (backward_D_basic)."""
    ours = make()
    source, target = batch(ours)
    d_y, d_x = (ours.modules()[name] for name in ("discriminator", "backward_discriminator"))
    to_target, to_source = torch.randn_like(target), torch.randn_like(source)
    expected = (squared(d_y(target), 1) + squared(d_y(to_target), 0)) / 2 + (squared(d_x(source), 1) + squared(d_x(to_source), 0)) / 2
    loss, statistics = ours.discriminators_loss(source, target, to_source, to_target)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(statistics[0], (d_y(target).mean() + d_x(source).mean()) / 2)


@pytest.mark.parametrize(
    ("option", "term"),
    [
        ("cycle_weight", lambda g, f, s, t: F.l1_loss(f(g(s)), s) + F.l1_loss(g(f(t)), t) + (F.l1_loss(g(t), t) + F.l1_loss(f(s), s)) / 2),
        ("identity_weight", lambda g, f, s, t: 10 * (F.l1_loss(g(t), t) + F.l1_loss(f(s), s))),
    ],
)
def test_a_weight_scales_its_term(option: str, term: Callable[..., Tensor]) -> None:
    """By the difference that one more unit of it makes."""
    default = {"cycle_weight": 10.0, "identity_weight": 0.5}[option]
    losses = []
    for weight in (default, default + 1):
        ours: Any = make(**{f"architecture__options__{option}": weight})
        source, target = batch(ours)
        losses.append(ours.generators_loss(source, target)[0])
    g, f = ours.modules()["generator"], ours.modules()["backward_generator"]
    torch.testing.assert_close(losses[1] - losses[0], term(g, f, source, target), rtol=1e-3, atol=1e-4)


def test_the_discriminators_see_what_was_made_before_the_generators_update() -> None:
    """Through a pool: after one iteration it holds the first translations of the initial weights."""
    ours, untouched = make(architecture__options__pool_size=6), make(architecture__options__pool_size=6)
    source, target = batch(untouched)
    execute(ours, 0)
    pools = [ours.modules()[f"{name}_pool"] for name in ("target", "source")]
    made = [untouched.modules()["generator"](source), untouched.modules()["backward_generator"](target)]
    for pool, expected in zip(pools, made, strict=True):
        torch.testing.assert_close(pool.images[:4], expected)


def test_the_generators_update_gives_the_discriminators_no_gradient() -> None:
    """And afterwards they can be trained again."""
    ours = make()
    source, target = batch(ours)
    with ours.frozen("discriminator"):
        ours.generators_loss(source, target)[0].backward()
    parameters = [p for name in ("discriminator", "backward_discriminator") for p in ours.modules()[name].parameters()]
    assert all(p.grad is None and p.requires_grad for p in parameters)


def test_each_sampler_has_its_own_class_in_its_own_order() -> None:
    """All images of an epoch are of the class; the same class in the other place comes in another order."""
    ours = make(architecture__options__source_class=3, architecture__options__target_class=8, training__batch_size=100)
    batches = {}
    for _ in range(2):
        ours.phases()[0].stage()
        batches = {name: sampler.take(100) for name, sampler in ours.samplers.items()}
        assert {name: set(one.labels.tolist()) for name, one in batches.items()} == {"source": {3}, "target": {8}}
    swapped = make(architecture__options__source_class=8, architecture__options__target_class=3, training__batch_size=100)
    swapped.phases()[0].stage()
    assert not torch.equal(swapped.take("source"), batches["target"].samples)


def labelled(test: bool = True) -> Dataset:
    """Twelve images whose value is their number, of classes 0, 1, 2 in turn; three test images above 100."""
    pixels = torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1).expand(12, 1, 4, 4)
    held = image_source(pixels[:3] + 100, torch.tensor([0, 1, 2]))
    names = ("apple", "horse", "zebra")
    return Dataset(
        name="made", train=image_source(pixels, torch.arange(12) % 3), test=held if test else None, num_classes=3, class_names=names
    )


def test_a_translation_is_evaluated_on_held_out_images_of_the_source() -> None:
    """On train images where there are no others; all of them before one comes again, in an order of the stream."""
    random = torch.Generator().manual_seed(0)
    drawn = draw_images(held_out(labelled(), 1), 5, random)
    torch.testing.assert_close(drawn, torch.full((5, 1, 4, 4), 101 / 127.5 - 1))
    drawn = draw_images(held_out(labelled(test=False), 1), 9, random)
    numbers = ((drawn[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    assert sorted(numbers[:4]) == [1, 4, 7, 10]
    assert numbers == (numbers * 3)[:4] * 2 + numbers[:1]


def test_the_reference_is_the_target_class_alone() -> None:
    """Its train split, under a name that says so."""
    found = dataset_of_class(labelled(), 2)
    assert (found.name, found.train.num_samples) == ("made/zebra", 4)
    assert found.train.labels is not None
    assert found.train.labels.tolist() == [2] * 4


def test_a_class_without_images_is_refused() -> None:
    """By its number."""
    with pytest.raises(ConfigError, match="class 5 of made has no train images; choose another source_class or target_class"):
        dataset_of_class(labelled(), 5)


def test_a_streaming_part_is_the_resident_one() -> None:
    """Images, labels and content hash; what streams goes on to stream."""

    class Streaming:
        """A split that is not in memory."""

        is_resident = False

        def __init__(self, source: ArraySource) -> None:
            self.read, self.labels, self.num_samples, self.space = source.read, source.labels, source.num_samples, source.space
            self.content_hash = source.content_hash

    train: Any = labelled().train
    resident, streaming = images_of_class(train, 1), images_of_class(Streaming(train), 1)  # type: ignore[arg-type]
    assert isinstance(resident, ArraySource)
    assert isinstance(streaming, PartSource)
    everything = torch.arange(4)
    assert torch.equal(resident.read(everything), streaming.read(everything))
    assert resident.content_hash == streaming.content_hash
    pairs = image_source(torch.randint(0, 256, (5, 4, 3, 3), dtype=torch.uint8))
    halves = [part_of(one, channels=slice(2, 4)) for one in (pairs, Streaming(pairs))]  # type: ignore[arg-type]
    assert torch.equal(halves[0].read(torch.arange(5)), pairs.stored[:, 2:])
    assert halves[0].content_hash == halves[1].content_hash


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training__d_steps": 2}, r"training.d_steps must be 1 for cyclegan \(got 2\)"),
        ({"training__generator_batch_factor": 2}, r"training.generator_batch_factor must be 1 for cyclegan \(got 2\)"),
        ({"training__dequantise": True}, r"training.dequantise must be false for cyclegan \(got true\)"),
        ({"loss__options__r1_gamma": 1.0}, "cyclegan takes a loss without penalties, terms and clipping"),
        ({"loss__name": "wasserstein"}, "cyclegan is not trained with the loss 'wasserstein'"),
    ],
)
def test_settings_that_it_cannot_heed_are_refused(settings: dict[str, Any], message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=message):
        make(**settings)


@pytest.mark.slow
def test_a_run_is_scored_by_its_target_class() -> None:
    """The metric's reference is the target's train split; real eights are eights to the classifier, and untrained threes are not."""
    metrics = {r.spec.name: r.spec for r in MANAGER.specs(MetricSpec)}
    extractors = {r.spec.name: r.spec for r in MANAGER.specs(ExtractorSpec)}
    planned: Any = _plan_metric("target_accuracy37_digits", metrics, extractors, "digits")  # type: ignore[arg-type]
    settings = {**SMALL, "dataset.options.resolution": 16, "architecture.options.source_class": 3, "architecture.options.target_class": 8}
    settings["evaluation.metrics"] = (planned.name,)
    made = build(plan_run(MANAGER, "cyclegan", [Layer(origin="test", settings=settings)]), MANAGER)
    assert made.evaluator is not None
    eights: Any = images_of_class(made.dataset.train, 8)
    (value,) = made.evaluator.evaluate(lambda start, count: eights.read(torch.arange(start, start + count)))
    assert (value.name, value.higher_is_better) == ("target_accuracy37_digits", True)
    assert value.value > 0.97
    assert value.floor is not None
    assert value.floor > 0.97
    threes: Any = images_of_class(made.dataset.train, 3)
    assert made.evaluator.evaluate(lambda start, count: threes.read(torch.arange(start, start + count)))[0].value < 0.03

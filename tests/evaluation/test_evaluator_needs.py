"""A metric is given what it says that it needs, from the right images, and a run that has not got it is refused before it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from ganbench.data.source import ArraySource, Dataset
from ganbench.errors import ConfigError
from ganbench.evaluation import reference
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import plan_metrics
from ganbench.evaluation.protocol import Features, Needs, SampleSet
from ganbench.evaluation.reference_cache import ReferenceCache
from ganbench.spec import ExtractorSpec, MetricSpec, Quantity
from ganbench_spaces.images import image_source
from ganbench_spaces.points import point_source

EXTRACTORS = {"mean": ExtractorSpec(name="mean", summary="s", factory="a:b")}


class Mean:
    """One network whose feature is the mean brightness, three times."""

    extractor_id = "mean-1"
    preprocessing_id = "none"
    weights_hash = ""
    dims = 3
    num_members = 1
    spaces = ()

    def __init__(self) -> None:
        self.samples_seen = 0

    def extract(self, images: torch.Tensor) -> tuple[Features, ...]:
        self.samples_seen += len(images)
        return (Features(features=images.float().mean(dim=(1, 2, 3))[:, None].expand(-1, 3).contiguous()),)


@dataclass
class Spy:
    """A metric that keeps what it was shown, the floor's first."""

    needs: Needs
    shown: list[tuple[SampleSet, SampleSet]] = field(default_factory=list)
    implementation: str = "spy-1"
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        self.shown.append((real, fake))
        return (float(len(self.shown)),)


def pixels(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def classes(count: int, seed: int) -> torch.Tensor:
    return torch.randint(3, (count,), generator=torch.Generator().manual_seed(seed))


TRAIN = image_source(pixels(40, 0), classes(40, 0))
TEST = image_source(pixels(12, 1), classes(12, 1))
FAKE, ASKED = pixels(30, 2), classes(30, 2)


def make(needs: Needs, *, test: ArraySource | None = TEST, train: ArraySource = TRAIN, conditional: bool = True, **settings: object):  # type: ignore[no-untyped-def]
    """Return an evaluator of one spy on 20 images, the spy, and its extractor."""
    quantities = (Quantity(name="spy", label="spy", higher_is_better=True),)
    looks_at = "features" if needs.features or needs.spread else "samples"
    spec = MetricSpec(name="spy", summary="s", factory="a:b", quantities=quantities, looks_at=looks_at, spaces=("images",))
    planned = plan_metrics(["spy20"], {"spy": spec}, EXTRACTORS, "mean")
    dataset = Dataset(name="noise", train=train, test=test, num_classes=3)
    spy, extractor = Spy(needs), Mean()
    evaluator = Evaluator(
        planned, {planned[0].name: spy}, {"mean": extractor}, dataset, device="cpu", batch_size=7, conditional=conditional, **settings
    )  # type: ignore[arg-type]
    return evaluator, spy, extractor


def run(needs: Needs, **settings: object):  # type: ignore[no-untyped-def]
    """Evaluate and return what the metric was shown of the first split of real images and in the evaluation, and the value."""
    evaluator, spy, _ = make(needs, **settings)
    (value,) = evaluator.evaluate(lambda start, count: FAKE[start : start + count], ASKED)
    assert len(spy.shown) == len(value.floor_splits) + 1
    return spy.shown[0], spy.shown[-1], value


def is_among(images: torch.Tensor, source: ArraySource) -> bool:
    return all(bool((source.stored == one).flatten(1).all(dim=1).any()) for one in images)


def test_images_and_labels_come_together_in_order() -> None:
    """The first 20 generated ones, and the whole train split."""
    _, (real, fake), value = run(Needs(statistics=False, samples=True, labels=True))
    assert torch.equal(fake.samples, FAKE[:20])
    assert torch.equal(fake.labels, ASKED[:20])
    assert torch.equal(real.samples, TRAIN.stored)
    assert torch.equal(real.labels, TRAIN.labels)
    assert (value.name, value.num_generated, value.num_reference, value.floor_count) == ("spy20", 20, 40, 20)


def test_real_against_real_is_of_two_parts_of_the_train_split_with_their_own_labels() -> None:
    """Disjoint, each image keeps its label, and the classes have the same shares."""
    (one, other), _, _ = run(Needs(statistics=False, samples=True, labels=True))
    assert len(one.samples) == len(other.samples) == 20
    assert torch.equal(torch.cat([one.samples, other.samples]).flatten(1).unique(dim=0), TRAIN.stored.flatten(1).unique(dim=0))
    assert all(abs(int(a) - int(b)) <= 2 for a, b in zip(one.labels.bincount(), other.labels.bincount(), strict=True))
    for side in (one, other):
        for image, label in zip(side.samples, side.labels, strict=True):
            assert TRAIN.labels[(TRAIN.stored == image).flatten(1).all(dim=1)].tolist() == [label.item()]


def test_what_is_not_needed_is_not_kept() -> None:
    """Neither a D x D matrix, nor features, images, labels or the real images."""
    for side in run(Needs(statistics=False, spread=True, reference=False))[1]:
        assert side.statistics.count == 0
        assert side.features is side.logits is side.samples is side.labels is None
    real, fake = run(Needs(features=True))[1]
    assert (real.statistics.count, fake.statistics.count) == (40, 20)
    assert real.samples is fake.samples is real.labels is fake.spread is None


def test_without_a_reference_only_the_images_that_are_split_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty images, of which each split takes another twenty."""
    monkeypatch.setattr(reference, "_MOST_COMPARED", 1)
    evaluator, _, extractor = make(Needs(statistics=False, spread=True, reference=False), train=image_source(pixels(90, 5), classes(90, 5)))
    evaluator.prepare()
    assert extractor.samples_seen == 40


def test_the_spread_is_by_class_where_labels_are_needed() -> None:
    """And over all where they are not."""
    labels = run(Needs(statistics=False, spread=True, labels=True))[1][1].spread.counts
    assert labels == {name: int((ASKED[:20] == name).sum()) for name in range(3)}
    assert run(Needs(statistics=False, spread=True))[1][1].spread.counts == {-1: 20}


def test_held_out_images_can_be_the_reference() -> None:
    """Then train images stand for generated ones in the floor, as many as are generated."""
    (floor_real, floor_fake), (real, _), value = run(Needs(statistics=False, samples=True, labels=True, held_out="reference"))
    assert torch.equal(real.samples, TEST.stored)
    assert torch.equal(floor_real.samples, TEST.stored)
    assert torch.equal(real.labels, TEST.labels)
    assert len(floor_fake.samples) == 20
    assert is_among(floor_fake.samples, TRAIN)
    assert (value.num_reference, value.floor_count, value.floor_of) == (12, 20, "train images against the held-out ones")


def test_real_images_that_may_repeat_are_drawn_until_there_are_as_many_as_are_generated() -> None:
    """From the held-out images, of which there are twelve; each with its label."""
    (real, fake), _, value = run(Needs(statistics=False, samples=True, labels=True, held_out="control", repeats=True))
    assert torch.equal(real.samples, TRAIN.stored)
    assert len(fake.samples) == len(fake.labels) == 20
    assert is_among(fake.samples, TEST)
    for image, label in zip(fake.samples, fake.labels, strict=True):
        assert TEST.labels[(TEST.stored == image).flatten(1).all(dim=1)].tolist() == [label.item()]
    assert (value.floor_count, value.floor_of) == (20, "drawn from 12 held-out images against the train images")


def test_held_out_images_can_be_the_generated_images_control() -> None:
    """The floor shows them to the metric against the whole train split."""
    (floor_real, floor_fake), (real, _), value = run(Needs(statistics=False, samples=True, held_out="control"))
    assert torch.equal(real.samples, TRAIN.stored)
    assert torch.equal(floor_real.samples, TRAIN.stored)
    assert len(floor_fake.samples) == 12
    assert is_among(floor_fake.samples, TEST)
    assert (value.num_reference, value.floor_count, value.floor_of) == (40, 12, "held-out images against the train images")


def test_held_out_images_can_stand_beside_the_train_split() -> None:
    """In the evaluation and in real against real, which is of two parts of the train split."""
    needs = Needs(statistics=False, samples=True, labels=True, held_out="beside")
    (floor_real, floor_fake), (real, _), value = run(needs)
    assert torch.equal(real.samples, TRAIN.stored)
    assert value.floor_of == "train images against 20 others"
    assert is_among(torch.cat([floor_real.samples, floor_fake.samples]), TRAIN)
    for side in (real, floor_real):
        assert torch.equal(side.held_out.samples, TEST.stored)
        assert torch.equal(side.held_out.labels, TEST.labels)
    fields = dict(make(needs)[0].keys()[0].fields)
    assert (fields["reference_split"], fields["held_out_hash"], fields["num_held_out"]) == ("train", TEST.content_hash, 12)
    other = make(needs, test=image_source(pixels(12, 9), classes(12, 9)))[0].keys()[0]
    assert other.digest != make(needs)[0].keys()[0].digest


def test_held_out_images_that_are_wanted_and_not_there_are_refused() -> None:
    """Before anything is trained: none at all, or none with labels."""
    for test in (None, image_source(TEST.stored)):
        with pytest.raises(ConfigError, match="'spy20' needs held-out images with labels, and noise has none"):
            make(Needs(statistics=False, samples=True, labels=True, held_out="beside"), test=test)


def test_other_held_out_images_have_another_real_against_real(tmp_path: Path) -> None:
    """What is cached is not taken for theirs."""
    needs, floors = Needs(statistics=False, samples=True, labels=True, held_out="beside"), []
    for test in (TEST, image_source(pixels(12, 9), classes(12, 9)), TEST):
        evaluator, spy, _ = make(needs, test=test, cache=ReferenceCache(tmp_path, lambda one: "code"))
        evaluator.prepare()
        floors.append(len(spy.shown))
    assert floors == [10, 10, 0]


def test_the_generator_itself_is_given_where_it_is_there() -> None:
    """Its inputs and the function; such a metric has no real against real."""
    needs = Needs(statistics=False, samples=True, generator=True)
    evaluator, spy, _ = make(needs)

    class Stream:
        """Samples that come with their generator."""

        inputs = torch.arange(30.0)[:, None]

        def ask(self, inputs: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
            return inputs

        def __call__(self, start: int, count: int) -> torch.Tensor:
            return FAKE[start : start + count]

    (value,) = evaluator.evaluate(Stream(), ASKED)
    ((_, fake),) = spy.shown
    assert torch.equal(fake.inputs, torch.arange(20.0)[:, None])
    assert fake.ask is not None
    assert value.floor_splits == ()
    evaluator.evaluate(lambda start, count: FAKE[start : start + count], ASKED)
    assert spy.shown[1][1].ask is None


@pytest.mark.parametrize("held_out", ["reference", "control"])
def test_without_held_out_images_the_train_split_stands_in(held_out: str) -> None:
    """None at all, or none with the labels that are needed; the evaluation key names the split."""
    for test in (None, image_source(TEST.stored)):
        needs = Needs(statistics=False, samples=True, labels=True, held_out=held_out)  # type: ignore[arg-type]
        floor, (real, _), value = run(needs, test=test)
        assert value.floor_of == "train images against 20 others"
        assert torch.equal(real.samples, TRAIN.stored)
        assert [len(side.samples) for side in floor] == [20, 20]
        assert dict(make(needs, test=test)[0].keys()[0].fields)["reference_split"] == "train"


def test_the_key_says_what_is_compared_with() -> None:
    """The held-out images' hash and name; a control is no part of the value."""
    for held_out, split, source in (("reference", "test", TEST), ("control", "train", TRAIN), ("unused", "train", TRAIN)):
        fields = dict(make(Needs(samples=True, held_out=held_out))[0].keys()[0].fields)  # type: ignore[arg-type]
        assert (fields["reference_split"], fields["reference_hash"]) == (split, source.content_hash)
        assert (fields["extractor"], fields["weights_hash"]) == ("none", "")


@pytest.mark.parametrize(
    "needs",
    [
        Needs(statistics=False, features=True, labels=True),
        Needs(statistics=False, features=True, held_out="control"),
        Needs(features=True, held_out="reference"),
    ],
)
def test_features_and_floors_come_from_the_cache_with_labels(tmp_path, needs: Needs) -> None:  # type: ignore[no-untyped-def]
    """A second run extracts nothing and is shown the same."""
    first, first_spy, _ = make(needs, cache=ReferenceCache(tmp_path))
    values = first.evaluate(lambda start, count: FAKE[start : start + count], ASKED)
    again, spy, extractor = make(needs, cache=ReferenceCache(tmp_path))
    again.prepare()
    assert extractor.samples_seen == 0
    (value,) = again.evaluate(lambda start, count: FAKE[start : start + count], ASKED)
    assert (value.floor, value.floor_count) == (values[0].floor, values[0].floor_count)
    real, cached = first_spy.shown[-1][0], spy.shown[-1][0]
    assert torch.equal(real.features, cached.features)
    assert (real.labels is None) == (cached.labels is None) == (not needs.labels)
    assert real.labels is None or torch.equal(real.labels, cached.labels)
    assert real.statistics.count == cached.statistics.count


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": image_source(pixels(40, 0))}, "metric 'spy20' needs labels, and noise has none; choose a dataset with classes"),
        ({"conditional": False}, "needs images that are asked for by label, and these networks take no labels; choose a conditional"),
        (
            {
                "train": point_source(torch.zeros(40, 2, 1, 1), classes(40, 0)),
                "test": None,
            },
            "metric 'spy20' looks at images, and noise holds points",
        ),
    ],
)
def test_a_run_that_lacks_what_a_metric_needs_is_refused(settings: dict[str, object], message: str) -> None:
    """When the evaluator is built, before anything is trained or extracted."""
    with pytest.raises(ConfigError, match=message):
        make(Needs(samples=True, labels=True), **settings)


def test_too_few_held_out_images_are_refused() -> None:
    """The metric's own least number counts for the side that it looks at."""
    spy = Spy(Needs(samples=True, held_out="reference"), least_samples=15)
    spec = MetricSpec(name="spy", summary="s", factory="a:b", quantities=(), looks_at="samples")
    planned = plan_metrics(["spy20"], {"spy": spec}, EXTRACTORS, "mean")
    dataset = Dataset(name="noise", train=TRAIN, test=TEST, num_classes=3)
    with pytest.raises(ConfigError, match=r"needs at least 15 real images \(got 12"):
        Evaluator(planned, {"spy20": spy}, {}, dataset, device="cpu")


class Wordy(Mean):
    """Says more: classes, and a mode for each sample."""

    def __init__(self, *, modes: bool) -> None:
        super().__init__()
        self.modes = modes

    def extract(self, images: torch.Tensor) -> tuple[Features, ...]:
        (found,) = super().extract(images)
        logits = torch.nn.functional.one_hot(images[:, 0, 0, 0].long() % 4, 4).float()
        modes = images[:, 0, 0, 1].long() % 5 - 1
        return (Features(features=found.features, logits=logits, modes=modes if self.modes else None, num_modes=5 * self.modes),)


@pytest.mark.parametrize("modes", [False, True])
@pytest.mark.parametrize(
    "whole", [None, Needs(), Needs(statistics=False, features=True), Needs(features=True, logits=True), Needs(logits=True)]
)
@pytest.mark.parametrize("remembered", [torch.ones(40, dtype=torch.bool), torch.arange(40) % 3 == 0, torch.zeros(40, dtype=torch.bool)])
def test_what_is_remembered_is_what_was_said_and_is_not_held_twice(whole: Needs | None, modes: bool, remembered: torch.Tensor) -> None:
    """Each sample is shown once; a set that keeps the features of all lends them to the splits."""
    extractor = Wordy(modes=modes)
    samples = reference._RealSamples(TRAIN, "train", extractor, batch_size=7, device="cpu", cache=None)
    samples.fill(whole, remembered)
    assert extractor.samples_seen == (40 if whole is not None else int(remembered.sum()))
    order = remembered.nonzero().squeeze(1).flip(0).repeat(2)  # backwards, and each twice
    if not len(order):
        return
    (shown,) = samples.sets(order, Needs(features=True, logits=True, labels=True))
    (said,) = Wordy(modes=modes).extract(TRAIN.read(order))
    assert shown.features is not None
    assert torch.equal(shown.features, said.features)
    assert shown.logits is not None
    assert said.logits is not None
    assert torch.equal(shown.logits, said.logits)
    modes_of = said.modes if said.modes is not None else said.logits.argmax(dim=1)
    assert shown.mode_counts is not None
    assert shown.mode_counts.tolist() == torch.bincount(modes_of + 1, minlength=6 if modes else 5).tolist()
    if whole is not None and whole.features:
        assert samples._said[0].features is samples.whole[0].features
        assert (samples._said[0].logits is samples.whole[0].logits) is whole.logits

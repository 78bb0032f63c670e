"""The evaluator measures what the names say: the right images, the right reference, the mean over networks, and the floor."""

import dataclasses
import logging
import math
import statistics

import pytest
import torch

from ganbench.data.source import Dataset
from ganbench.errors import Diverged, PluginError, UnsuitableError
from ganbench.evaluation import reference
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import plan_metrics
from ganbench.evaluation.protocol import Features, Needs, SampleSet
from ganbench.evaluation.reference import stratified
from ganbench.evaluation.reference_cache import ReferenceCache
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench.registration import NoOptions
from ganbench.spec import ExtractorSpec, MetricSpec, Quantity
from ganbench_metrics import (
    CLASSIFIER,
    DENSITY_COVERAGE,
    FRECHET,
    KERNEL,
    PRECISION_RECALL,
    ClassifierScoreOptions,
    DensityCoverageOptions,
    KernelDistanceOptions,
    PrecisionRecallOptions,
    neighbour_metrics,
)
from ganbench_metrics.classifier_score import build_classifier_score
from ganbench_metrics.frechet import FrechetMetric, build_frechet, frechet_distance
from ganbench_metrics.kernel_distance import build_kernel_distance
from ganbench_metrics.neighbour_metrics import build_density_coverage, build_precision_recall
from ganbench_spaces.images import image_source

METRICS = {spec.name: spec for spec in (FRECHET, KERNEL, CLASSIFIER, PRECISION_RECALL, DENSITY_COVERAGE)}
EXTRACTORS = {"sums": ExtractorSpec(name="sums", summary="weighted sums of pixels", factory="a:b")}
BUILT = {
    "fd": build_frechet(NoOptions()),
    "kd": build_kernel_distance(KernelDistanceOptions(num_subsets=3, subset_size=80)),
    "cs": build_classifier_score(ClassifierScoreOptions()),
    "pr": build_precision_recall(PrecisionRecallOptions()),
    "dc": build_density_coverage(DensityCoverageOptions()),
}


class Sums:
    """Three networks whose features are integer sums of pixels: exact in float32, so batches cannot change them."""

    extractor_id = "sums-1"
    preprocessing_id = "none"
    weights_hash = "0" * 64
    dims = 4
    num_members = 3
    spaces = ()

    def __init__(self):
        self.samples_seen = 0
        generator = torch.Generator().manual_seed(9)
        self.weights = torch.randint(-3, 4, (self.num_members, 16, self.dims), generator=generator).float()

    def extract(self, images):
        self.samples_seen += len(images)
        flat = images.flatten(1).float()
        return tuple(Features(features=flat @ w, logits=flat @ w / 500) for w in self.weights)


def images(count, seed, high=256):
    return torch.randint(0, high, (count, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


REAL, FAKE = images(150, 1), images(120, 2, high=200)


def make(names, *, real=REAL, extractor=None, **settings):
    planned = plan_metrics(names, METRICS, EXTRACTORS, "sums")
    dataset = Dataset(name="noise", train=image_source(real))
    metrics = {p.name: BUILT[p.spec.name] for p in planned}
    return Evaluator(planned, metrics, {"sums": extractor or Sums()}, dataset, device="cpu", **settings)


def generate(start, count):
    assert start + count <= len(FAKE)
    return FAKE[start : start + count]


def feature_set(features):
    found = FeatureStatistics(features.shape[1])
    found.update(features)
    return SampleSet(statistics=found, features=features)


def distances(first, second):
    pairs = zip(Sums().extract(first), Sums().extract(second), strict=True)
    return [frechet_distance(feature_set(a.features), feature_set(b.features)) for a, b in pairs]


def test_a_value_is_the_mean_over_the_networks_with_its_spread():
    """The reference is the whole train split; spread has ddof 1."""
    (value,) = make(["fd120"]).evaluate(generate)
    expected = distances(REAL, FAKE)
    assert value.value == pytest.approx(statistics.fmean(expected), rel=1e-9)
    assert value.spread == pytest.approx(statistics.stdev(expected), rel=1e-9)
    assert (value.name, value.label, value.num_generated, value.num_reference) == ("fd120_sums", "FD sums", 120, 150)


@pytest.mark.parametrize("found", [math.inf, math.nan])
def test_a_network_under_which_a_metric_is_not_finite_ends_no_run(monkeypatch, found):
    """Found by the fuzzer: the standard library's deviation raises an AttributeError there. Spread and floor's spread are NaN."""
    values = iter([found, *[1.0] * 99])
    monkeypatch.setattr(FrechetMetric, "compute", lambda *sets: (next(values),))
    evaluator = make(["fd120"])
    evaluator.prepare()
    values = iter([1.0, found, 2.0])
    (value,) = evaluator.evaluate(generate)
    assert not math.isfinite(value.value)
    assert math.isnan(value.spread)
    assert math.isnan(value.floor_spread)
    assert str(value.floor) == str(found)


def test_a_smaller_count_sees_the_first_samples_of_one_pass():
    """Two counts cost one pass over the larger."""
    extractor = Sums()
    evaluator = make(["fd120", "fd50"], extractor=extractor)
    evaluator.prepare()
    before = extractor.samples_seen
    values = {v.name: v.value for v in evaluator.evaluate(generate)}
    assert extractor.samples_seen - before == 120
    assert values["fd50_sums"] == pytest.approx(statistics.fmean(distances(REAL, FAKE[:50])), rel=1e-9)
    assert values["fd120_sums"] == pytest.approx(statistics.fmean(distances(REAL, FAKE)), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 120, 500])
def test_the_batch_size_changes_nothing(batch_size):
    """Same bits for any batch size, for every metric at once."""
    names = ["fd120", "pr60", "kd100", "cs90"]
    assert make(names, batch_size=batch_size).evaluate(generate) == make(names, batch_size=32).evaluate(generate)


def test_values_come_in_the_order_of_the_metrics_and_their_quantities():
    """Tables rely on it."""
    names = [v.name for v in make(["pr60", "fd120"]).evaluate(generate)]
    assert names == ["precision60_sums", "recall60_sums", "fd120_sums"]


def test_real_against_real_is_the_metric_between_disjoint_parts_of_the_real_images():
    """At the metric's count: each image once, or drawn from half of them where there are fewer. Over ten splits, with each one's value."""
    small, large = make(["fd40", "fd120"]).evaluate(generate)
    assert (small.floor_count, large.floor_count) == (40, 120)
    assert small.floor_of == "train images against 110 others"
    assert large.floor_of == "drawn from 75 train images against 75 others"
    for value, part in ((small, 40), (large, 75)):
        expected = []
        for seed in range(10):
            order = stratified(None, 150, seed)
            first, others = order[:part], order[part:]
            if value is large:
                first = first[torch.randint(75, (120,), generator=torch.Generator().manual_seed(seed))]
            expected.append(statistics.fmean(distances(REAL[others], REAL[first])))
        assert value.floor_splits == pytest.approx(expected, rel=1e-9)
        assert value.floor == pytest.approx(statistics.fmean(expected), rel=1e-9)
        assert value.floor_spread == pytest.approx(statistics.stdev(expected), rel=1e-6)


@pytest.mark.slow
def test_a_metric_that_compares_generated_images_with_each_other_sees_each_real_one_once(monkeypatch):
    """Copies would be neighbours; and no more others than are compared at most, because the time grows with the square."""
    (precision, *_) = make(["pr120"]).evaluate(generate)
    assert (precision.floor_count, precision.floor_of, len(precision.floor_splits)) == (75, "train images against 75 others", 10)
    monkeypatch.setattr(reference, "_MOST_COMPARED", 30)
    (precision, *_) = make(["pr20"]).evaluate(generate)
    assert (precision.floor_count, precision.floor_of) == (20, "train images against 30 others")
    assert precision.floor > 0.5


def test_what_is_remembered_of_real_images_is_bounded(monkeypatch):
    """Twelve images of three networks with four dimensions: six stand for generated ones."""
    monkeypatch.setattr(reference, "_MOST_BYTES", 12 * 3 * 4 * 4)
    (value,) = make(["fd120"]).evaluate(generate)
    assert value.floor_of == "drawn from 6 train images against 6 others"


@pytest.mark.parametrize("counts", [[100, 50, 7], [1, 1, 200], [40, 40, 40]])
def test_every_beginning_of_a_stratified_order_has_the_shares_of_the_classes(counts):
    """To a sample, and another seed gives another order of the same samples."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))[torch.randperm(sum(counts))]
    order = stratified(labels, len(labels), 3)
    assert order.sort().values.tolist() == list(range(len(labels)))
    for length in range(1, len(labels)):
        found = labels[order[:length]].bincount(minlength=len(counts))
        assert all(abs(int(n) - length * count / len(labels)) < 2 for n, count in zip(found, counts, strict=True))
    assert not torch.equal(order, stratified(labels, len(labels), 4))
    assert torch.equal(order, stratified(labels, len(labels), 3))


def test_a_floor_of_another_kind_of_split_is_not_taken_from_the_cache(tmp_path, monkeypatch):
    """Whatever is changed of how the images are split."""
    cache = ReferenceCache(tmp_path)
    make(["fd120"], cache=cache).prepare()
    for name, other in (("SPLITS", 11), ("_FLOOR_VERSION", "another"), ("_MOST_BYTES", 4000)):
        with monkeypatch.context() as patch:
            patch.setattr(reference, name, other)
            extractor = Sums()
            make(["fd120"], cache=cache, extractor=extractor).prepare()
            assert extractor.samples_seen > 0, name
    make(["fd120"], cache=cache, extractor=(again := Sums())).prepare()
    assert again.samples_seen == 0


def test_floors_can_be_left_out():
    """Where nobody reads them."""
    extractor = Sums()
    (value,) = make(["fd120"], extractor=extractor, floors=False).evaluate(generate)
    assert (value.floor, value.floor_splits, extractor.samples_seen) == (None, (), 150 + 120)


def test_a_floor_that_cannot_be_measured_is_left_out_with_a_log_line(caplog):
    """The subsets of 80 do not fit into halves of 75; the value itself is there."""
    with caplog.at_level(logging.WARNING):
        value, *_ = make(["kd100"]).evaluate(generate)
    assert (value.floor, value.floor_count) == (None, 0)
    assert "no floor for kd100_sums" in caplog.text


def test_a_metric_that_does_not_suit_the_extractor_is_refused_before_anything_is_generated():
    """No number of images would help, so it is no floor to be left out, and nothing of a run exists yet."""

    class WithoutClasses(Sums):
        def extract(self, images):
            return tuple(dataclasses.replace(features, logits=None) for features in super().extract(images))

    with pytest.raises(UnsuitableError, match="the classifier score needs an extractor with classes"):
        make(["cs90"], extractor=WithoutClasses()).prepare()


@pytest.mark.slow
def test_a_second_run_takes_references_and_floors_from_the_cache(tmp_path):
    """No real image is looked at again, and the values have the same bits."""
    names = ["fd120", "pr60"]
    first = make(names, cache=ReferenceCache(tmp_path)).evaluate(generate)
    extractor = Sums()
    again = make(names, extractor=extractor, cache=ReferenceCache(tmp_path))
    again.prepare()
    assert extractor.samples_seen == 0
    assert again.evaluate(generate) == first == make(names).evaluate(generate)


@pytest.mark.slow
class Prepared:
    """The mean of the real features' first dimension, and what another metric has prepared."""

    implementation = "prepared-1"
    needs = Needs(statistics=False, features=True)
    least_samples = 1

    def __init__(self, name):
        self.name, self.asked = name, 0

    def parameters(self):
        return {"name": self.name}

    def prepare(self, real):
        self.asked += 1
        return {self.name: real.features[:, 0].double().mean()[None]}

    def compute(self, real, fake):
        return (len(real.prepared), (real.prepared or self.prepare(real))[self.name].item())


def test_what_a_metric_prepares_is_made_once_and_kept(tmp_path, monkeypatch):
    """Under each network, seen by every metric of the extractor, not of parts of the real samples, and not again by another run."""
    cache = ReferenceCache(tmp_path)
    quantities = tuple(Quantity(name=name, label=name, higher_is_better=True) for name in ("seen", "mean"))
    for name in ("one", "two"):
        spec = MetricSpec(name=name, summary="prepared", factory="a:b", quantities=quantities, default_count=50)
        monkeypatch.setitem(METRICS, name, spec)
        monkeypatch.setitem(BUILT, name, Prepared(name))
    first = make(["one", "two"], cache=cache)
    first.prepare()
    floors = BUILT["one"].asked - 3
    assert floors == 3 * 10, "each part of the real samples has its own"
    values = first.evaluate(generate)
    assert [v.value for v in values if v.label.startswith("seen")] == [2, 2]
    expected = statistics.fmean(found.features[:, 0].double().mean().item() for found in Sums().extract(REAL))
    assert [v.value for v in values if v.label.startswith("mean")] == pytest.approx([expected] * 2)
    BUILT["one"].asked = 0
    assert make(["one", "two"], cache=cache).evaluate(generate) == values
    assert BUILT["one"].asked == 0


def test_precision_recall_density_and_coverage_share_one_pass(monkeypatch):
    """Where they look at the same samples; the values are those of each alone."""
    names = ["pr60", "dc60", "dc50"]
    passes = []
    count = neighbour_metrics.answer
    monkeypatch.setattr(neighbour_metrics, "answer", lambda *sides: passes.append(len(sides[2])) or count(*sides))
    together = make(names, floors=False).evaluate(generate)
    assert passes == [3] * 6  # three networks, two counts
    alone = [value for name in names for value in make([name], floors=False).evaluate(generate)]
    assert together == tuple(alone)


def test_each_real_image_is_extracted_once_for_the_reference_and_every_split(tmp_path, monkeypatch):
    """In one pass; a new floor beside a cached reference reads only the images of its parts."""
    extractor = Sums()
    make(["fd120", "pr60", "cs90"], extractor=extractor, cache=ReferenceCache(tmp_path)).prepare()
    assert extractor.samples_seen == 150
    monkeypatch.setattr(reference, "_MOST_COMPARED", 30)
    make(["pr30"], cache=ReferenceCache(tmp_path)).prepare()
    extractor = Sums()
    make(["pr20"], extractor=extractor, cache=ReferenceCache(tmp_path)).prepare()
    assert extractor.samples_seen == 20 + 30


def test_damaged_entries_are_computed_again(tmp_path):
    """The values are those of an empty cache."""
    first = make(["fd120"], cache=ReferenceCache(tmp_path)).evaluate(generate)
    for path in (tmp_path / "references").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    extractor = Sums()
    assert make(["fd120"], extractor=extractor, cache=ReferenceCache(tmp_path)).evaluate(generate) == first
    assert extractor.samples_seen == 150 + 120


@pytest.mark.parametrize("changed", [Sums, FrechetMetric])
def test_what_other_code_computed_is_not_believed(tmp_path, changed):
    """An author edits an extractor or a metric and forgets its version: what it computed before is not taken for what it computes now."""
    make(["fd120"], cache=ReferenceCache(tmp_path)).prepare()
    extractor = Sums()
    cache = ReferenceCache(tmp_path, lambda one: "edited" if isinstance(one, changed) else "")
    make(["fd120"], extractor=extractor, cache=cache).prepare()
    assert extractor.samples_seen == 150


@pytest.mark.parametrize("attribute", ["extractor_id", "weights_hash", "preprocessing_id"])
def test_another_extractor_has_another_key_and_another_cache_entry(tmp_path, attribute):
    """Version, weights and preprocessing each count."""
    first = make(["fd120"], cache=ReferenceCache(tmp_path))
    first.prepare()
    extractor = Sums()
    setattr(extractor, attribute, "another")
    other = make(["fd120"], extractor=extractor, cache=ReferenceCache(tmp_path))
    other.prepare()
    assert extractor.samples_seen == 150
    assert other.keys()[0].digest != first.keys()[0].digest


def test_the_key_holds_the_whole_protocol():
    """Every field of the design is there, and the values carry its digest."""
    evaluator = make(["kd100"])
    (key,) = evaluator.keys()
    fields = dict(key.fields)
    assert fields["metric"] == "kd100_sums"
    assert fields["parameter.subset_size"] == 80
    assert fields["reference_hash"] == image_source(REAL).content_hash
    expected = {"implementation", "extractor", "weights_hash", "preprocessing", "quantiser", "num_generated", "num_reference"}
    assert expected | {"reference_split", "seed_policy"} <= set(fields)
    assert {v.evaluation_key for v in evaluator.evaluate(generate)} == {key.digest}


def test_other_real_images_have_another_key():
    """The reference is known by its content."""
    assert make(["fd120"]).keys() != make(["fd120"], real=images(150, 5)).keys()
    assert make(["fd120"]).keys() == make(["fd120"], real=REAL.clone()).keys()


def test_an_extractor_that_breaks_its_word_is_named():
    """Another width than declared is the plugin's fault."""
    extractor = Sums()
    extractor.dims = 5
    with pytest.raises(PluginError, match=r"extractor 'sums-1' declares features of shapes"):
        make(["fd120"], extractor=extractor).prepare()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_logit_that_is_no_number_is_a_divergence_as_a_feature_is(bad):
    """Else a classifier score would be NaN, and the run would go on."""

    class Broken(Sums):
        def extract(self, images):
            found = super().extract(images)
            if len(images) == 30:
                found[1].logits[3, 0] = bad
            return found

    evaluator = make(["cs90"], extractor=Broken(), batch_size=60)
    with pytest.raises(Diverged, match="the logits hold NaN or Inf"):
        evaluator.evaluate(generate)

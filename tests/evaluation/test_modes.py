"""Mode coverage: the scores of counts, where the counts come from, and the metric."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganbench import ArraySource
from ganbench.data.source import Dataset
from ganbench.errors import ConfigError
from ganbench.evaluation.collect import DataModes, Wanted, collect
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import plan_metrics
from ganbench.evaluation.protocol import Features, SampleSet
from ganbench.evaluation.reference_cache import ReferenceCache, sample_set_from_tensors, sample_set_to_tensors
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench.spec import ExtractorSpec
from ganbench_metrics import FRECHET, MODES, ModesOptions
from ganbench_metrics.modes import build_modes
from ganbench_spaces.images import image_source
from ganbench_spaces.modes import score_modes
from ganbench_spaces.points import point_source

EXTRACTORS = {"plane": ExtractorSpec(name="plane", summary="coordinates", factory="a:b")}


class Plane:
    """Coordinates as features and as logits of two classes."""

    extractor_id = "plane-1"
    preprocessing_id = "none"
    weights_hash = "0" * 64
    dims = 2
    num_members = 1
    spaces = ("points",)

    def extract(self, images: Tensor) -> tuple[Features, ...]:
        return (Features(features=images.flatten(1), logits=images.flatten(1)),)


def quadrant(points: Tensor) -> Tensor:
    """Modes 0, 1, 2 are three quadrants; the fourth is none."""
    x, y = points.flatten(1).T
    return torch.where(x > 0, torch.where(y > 0, 0, 1), torch.where(y > 0, 2, -1))


def points(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 2, 1, 1, generator=torch.Generator().manual_seed(seed))


def feature_set(counts: list[int] | None) -> SampleSet:
    statistics = FeatureStatistics(1)
    return SampleSet(statistics=statistics, mode_counts=None if counts is None else torch.tensor(counts))


def test_the_scores_are_the_definitions() -> None:
    """KL(q || p) in nats, by hand."""
    scores = score_modes(torch.tensor([3, 1, 0]), 8)
    q = [0.75, 0.25]
    assert float(scores.modes_captured) == 2
    assert float(scores.high_quality) == 0.5
    assert float(scores.reverse_kl) == pytest.approx(sum(p * math.log(p * 3) for p in q))
    shares = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    assert float(score_modes(torch.tensor([3, 1, 0]), 8, shares).reverse_kl) == pytest.approx(0.75 * math.log(1.5))


def test_even_counts_have_no_divergence_and_one_mode_or_none_the_most() -> None:
    """0 and log K."""
    scores = score_modes(torch.tensor([[5, 5, 5, 5], [20, 0, 0, 0], [0, 0, 0, 0]]), 20)
    assert scores.reverse_kl.tolist() == pytest.approx([0, math.log(4), math.log(4)])
    assert scores.modes_captured.tolist() == [4, 1, 0]


def test_a_mode_that_the_data_lack_is_infinitely_wrong() -> None:
    """And one that only the generator lacks costs nothing in itself."""
    shares = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
    assert score_modes(torch.tensor([1, 1, 1]), 3, shares).reverse_kl == math.inf
    assert score_modes(torch.tensor([1, 1, 0]), 3, shares).reverse_kl == 0


def test_the_metric_counts_all_images_in_the_quality() -> None:
    """The first count is of those at no mode."""
    metric = build_modes(ModesOptions())
    real, fake = feature_set([10, 45, 45]), feature_set([50, 25, 25])
    assert metric.compute(real, fake) == (2.0, 0.5, pytest.approx(0.0))
    assert metric.parameters() == {"expected": "even"}
    skewed = build_modes(ModesOptions(expected="real"))
    assert skewed.compute(feature_set([0, 75, 25]), fake)[2] == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(2))
    assert skewed.parameters() != metric.parameters()


def test_an_extractor_without_classes_is_refused() -> None:
    """There is nothing to count."""
    with pytest.raises(ConfigError, match="mode coverage needs an extractor with classes or modes"):
        build_modes(ModesOptions()).compute(feature_set([0, 1]), feature_set(None))


@pytest.mark.parametrize("batch_size", [7, 100])
def test_counts_are_summed_over_batches_for_each_set(batch_size: int) -> None:
    """Of an extractor with classes the largest logit counts."""
    data = points(100)
    wanted = {name: Wanted(members=torch.arange(100) < count) for name, count in (("all", 100), ("some", 30))}
    found = collect(lambda start, count: data[start : start + count], wanted, Plane(), batch_size=batch_size)
    for name, count in (("all", 100), ("some", 30)):
        second = int((data[:count, 1, 0, 0] > data[:count, 0, 0, 0]).sum())
        counts = found[name][0].mode_counts
        assert counts is not None
        assert counts.tolist() == [0, count - second, second]


def test_the_datas_own_modes_come_first() -> None:
    """Where the data say what their modes are, classes are not asked."""
    data = points(100)
    wanted = {"all": Wanted(members=torch.ones(100, dtype=torch.bool))}
    found = collect(lambda s, n: data[s : s + n], wanted, DataModes(Plane(), quadrant, 3), batch_size=40)["all"][0]
    assert found.mode_counts is not None
    assert found.mode_counts.tolist() == torch.bincount(quadrant(data) + 1, minlength=4).tolist()


def test_counts_survive_the_cache() -> None:
    """With and without them."""
    for counts in ([3, 4, 5], None):
        one = feature_set(counts)
        one.statistics.update(torch.randn(5, 1))
        back = sample_set_from_tensors(sample_set_to_tensors(one))
        assert (back.mode_counts is None) == (counts is None)
        assert back.mode_counts is None or back.mode_counts.tolist() == counts


def evaluator(train: ArraySource | None = None, cache: ReferenceCache | None = None) -> Evaluator:
    planned = plan_metrics(["modes200", "fd200"], {"modes": MODES, "fd": FRECHET}, EXTRACTORS, "plane")
    dataset = Dataset(name="plane", train=train or point_source(points(1000)), mode_of=quadrant, num_modes=3)
    from ganbench.registration import NoOptions
    from ganbench_metrics.frechet import build_frechet

    metrics = {"modes200_plane": build_modes(ModesOptions()), "fd200_plane": build_frechet(NoOptions())}
    return Evaluator(planned, metrics, {"plane": Plane()}, dataset, device="cpu", batch_size=64, cache=cache)


def test_points_are_measured_with_a_floor(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Modes, quality, divergence and Fréchet distance of points, also from the cache of an earlier run."""
    for _ in range(2):
        values = {v.name: v for v in evaluator(cache=ReferenceCache(tmp_path)).evaluate(lambda s, n: points(200, 1)[s : s + n])}
        share = (quadrant(points(200, 1)) >= 0).double().mean().item()
        assert values["modes200_plane"].value == values["modes200_plane"].floor == 3
        assert values["high_quality200_plane"].value == pytest.approx(share)
        assert values["high_quality200_plane"].floor == pytest.approx(0.75, abs=0.1)
        assert values["reverse_kl200_plane"].value < 0.05
        assert 0 < values["fd200_plane"].value < 0.1
    keys = evaluator().keys()
    assert {dict(key.fields)["quantiser"] for key in keys} == {"none"}


def test_an_extractor_of_points_refuses_images() -> None:
    """And says what else to do."""
    with pytest.raises(ConfigError, match="the extractor 'plane' takes points, and plane holds images"):
        evaluator(image_source(torch.zeros(9, 1, 1, 1, dtype=torch.uint8)))

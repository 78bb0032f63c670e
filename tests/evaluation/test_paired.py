"""Metrics against each image's own target: the error by hand, the names, and the order in which samples and targets are drawn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench import ExtractorSpec, MetricSpec, Targets
from ganbench.config.resolve import Layer
from ganbench.errors import ConfigError
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import PlannedMetric, plan_metrics
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import Materials, build
from ganbench.run.evaluation import SAMPLES
from ganbench.run.plan import plan_run
from ganbench.training.inputs import SampleStream
from ganbench_metrics.squared_error import squared_errors

MANAGER = PluginManager()


def planned(*names: str) -> tuple[PlannedMetric, ...]:
    metrics: Any = {r.spec.name: r.spec for r in MANAGER.specs(MetricSpec)}
    extractors: Any = {r.spec.name: r.spec for r in MANAGER.specs(ExtractorSpec)}
    return plan_metrics(names, metrics, extractors, "digits")


def made_of(*names: str, plugin: str = "pix2pix", **settings: Any) -> Materials:
    small = {
        "dataset.name": "digits",
        "dataset.options.resolution": 8,
        "architecture.options.width": 2,
        "architecture.options.discriminator_width": 2,
        "training.device": "cpu",
    }
    chosen = {**(small if plugin == "pix2pix" else {}), **{k.replace("__", "."): v for k, v in settings.items()}}
    return build(plan_run(MANAGER, plugin, [Layer(origin="test", settings={**chosen, "evaluation.metrics": names})]), MANAGER)


def test_the_error_is_the_mean_over_the_pixels_asked_for() -> None:
    """Of two images of two pixels and two channels, by hand: black is 0 and white is 1."""
    wanted = torch.tensor([[[[-1.0, 1.0]], [[-1.0, 1.0]]], [[[1.0, 1.0]], [[1.0, 1.0]]]])
    targets = Targets(samples=wanted, weights=torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]]), guesses=torch.zeros_like(wanted))
    images = torch.tensor([[[[255, 51]], [[255, 255]]], [[[255, 255]], [[255, 0]]]], dtype=torch.uint8)
    scores = squared_errors(images, targets)
    torch.testing.assert_close(scores, torch.tensor([[0.8**2 / 2, 0.25], [0.25, 0.25]], dtype=torch.float64))


def test_a_name_holds_the_count_and_no_extractor() -> None:
    """Another spelling is refused with the right one."""
    (metric,) = planned("mse2k")
    assert (metric.name, metric.num_generated, metric.extractor_name) == ("mse2k", 2000, "")
    assert [q.name for q in metric.quantities] == ["mse2k", "guess_mse2k"]
    with pytest.raises(ConfigError, match="'mse2k_digits' compares samples with their targets, without an extractor; write mse2k"):
        planned("mse2k_digits")


def test_samples_are_compared_with_their_own_targets() -> None:
    """A generator that fills in the mean of what is visible has the guess's error, up to quantisation; one that is right has none."""
    made = made_of("mse37", "fd50_digits", architecture__options__hole="random", architecture__options__hole_size=0.4)
    assert made.evaluator is not None

    def fill(inputs: Tensor, labels: None) -> Tensor:
        visible, hidden = inputs[:, :-1], inputs[:, -1:]
        return visible + hidden * visible.sum((2, 3), keepdim=True) / (1 - hidden).sum((2, 3), keepdim=True)

    options: Any = {"count": 50, "seed": 0, "purpose": SAMPLES, "device": made.device, "space": made.dataset.space, "dataset": made.dataset}
    samples = SampleStream(fill, made.networks.inputs, **options)  # type: ignore[arg-type]
    values = {v.name: v for v in made.evaluator.evaluate(samples)}
    assert list(values) == ["fd50_digits", "mse37", "guess_mse37"]
    assert values["mse37"].value == pytest.approx(values["guess_mse37"].value, rel=0.01)
    assert values["mse37"].value > 0.05
    assert values["mse37"].num_reference == 360
    targets: Any = made.networks.inputs.targets(made.dataset, 50, torch.Generator().manual_seed(0))  # type: ignore[union-attr,misc]
    assert set(targets.weights.sum(dim=(1, 2, 3)).tolist()) == {9.0}


def test_each_batch_is_compared_with_its_own_part() -> None:
    """The value does not depend on the batch size."""
    values = []
    for size in (7, 50):
        made = made_of("mse50", evaluation__batch_size=size)
        assert made.evaluator is not None
        pixels = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        values.append([v.value for v in made.evaluator.evaluate(lambda start, count, pixels=pixels: pixels[start : start + count])])
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    assert len(made.evaluator.keys()) == 1


def test_a_network_without_targets_is_refused() -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match="'mse50' compares samples with their targets, and dcgan has none; it is for"):
        made_of("mse50", plugin="dcgan", training__device="cpu")


def test_real_against_real_is_what_the_targets_themselves_have() -> None:
    """What a perfect generator would have: nothing but the rounding to levels, and the guess as it is; the whole count is looked at."""
    made = made_of("mse50", architecture__options__hole="random")
    assert made.evaluator is not None
    pixels = torch.zeros(50, 1, 8, 8, dtype=torch.uint8)
    mse, guess = made.evaluator.evaluate(lambda start, count: pixels[start : start + count])
    assert mse.floor is not None
    assert 0 <= mse.floor <= (0.5 / 255) ** 2
    assert mse.value > 100 * mse.floor
    assert guess.floor == pytest.approx(guess.value, rel=1e-12)
    assert (mse.floor_count, mse.floor_splits, mse.floor_spread) == (50, (mse.floor,), 0.0)
    assert mse.floor_of == "targets in the place of generated images"


def test_no_floor_tries_no_more_targets_than_a_metric_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that they do not suit is still refused before the run."""
    whole = made_of("mse50").evaluator
    assert whole is not None
    metric, tried = whole._metrics["mse50"], list[int]()
    compute = type(metric).compute

    def watched(metric: Any, real: Any, fake: Any) -> tuple[float, ...]:
        tried.append(len(fake.samples))
        return compute(metric, real, fake)

    monkeypatch.setattr(type(metric), "compute", watched)
    evaluator = Evaluator(whole._planned, whole._metrics, {}, whole._dataset, device="cpu", targets=whole._targets, floors=False)
    pixels = torch.zeros(50, 1, 8, 8, dtype=torch.uint8)
    values = evaluator.evaluate(lambda start, count: pixels[start : start + count])
    assert tried == [1, 50]
    assert [value.floor for value in values] == [None, None]

"""Real against real of the digits: what README.md says of it, and where held-out images lie."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest
import torch

from ganbench.data.source import DataContext, Dataset
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import plan_metrics
from ganbench.plugin.manager import PluginManager
from ganbench.record.record import MetricValue
from ganbench.spec import DatasetSpec, ExtractorContext, ExtractorSpec, MetricSpec

README = Path(__file__).parents[2] / "README.md"
MANAGER = PluginManager()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """The digits that come with ganbench."""
    registered = MANAGER.find(DatasetSpec, "digits")
    dataset: Dataset = registered.build(registered.spec.options(), DataContext(download=False))
    return dataset


def measure(digits: Dataset, name: str, chosen: torch.Tensor, *, floors: bool = True) -> MetricValue:
    """Measure some held-out images as if they were generated."""
    metrics = {one.spec.name: one.spec for one in MANAGER.specs(MetricSpec)}
    extractors = {one.spec.name: one.spec for one in MANAGER.specs(ExtractorSpec)}
    (planned,) = plan_metrics([name], metrics, extractors, "digits")
    metric = MANAGER.find(MetricSpec, planned.spec.name).build(planned.spec.options())
    found = MANAGER.find(ExtractorSpec, "digits")
    extractor = found.build(found.spec.options(), ExtractorContext(download=False))
    evaluator = Evaluator([planned], {planned.name: metric}, {"digits": extractor}, digits, device="cpu", floors=floors)
    assert digits.test is not None
    test = digits.test
    return evaluator.evaluate(lambda start, count: test.read(chosen[start : start + count]))[0]


@pytest.mark.slow
def test_held_out_digits_lie_within_what_is_printed(digits: Dataset) -> None:
    """Each once, and drawn as often as images are generated, in the middle of six draws. The readme has the same numbers."""
    assert digits.test is not None
    count = digits.test.num_samples
    value = measure(digits, "fd5k", torch.randint(count, (5000,), generator=torch.Generator().manual_seed(0)))
    assert (value.floor_count, value.floor_of) == (5000, "drawn from 718 train images against 719 others")
    assert len(value.floor_splits) == 10
    low, high = min(value.floor_splits), max(value.floor_splits)
    once = measure(digits, f"fd{count}", torch.arange(count), floors=False)
    again = [
        measure(digits, "fd5k", torch.randint(count, (5000,), generator=torch.Generator().manual_seed(seed)), floors=False).value
        for seed in range(1, 6)
    ]
    assert low <= once.value <= high
    assert low <= statistics.median([value.value, *again]) <= high
    text = f"{value.floor:.2f}, {low:.2f} to {high:.2f} in ten splits"
    assert text in " ".join(README.read_text(encoding="utf-8").split()), text


@pytest.mark.slow
def test_half_of_the_digits_against_the_other_half_is_near_the_value_of_another_split(digits: Dataset) -> None:
    """Stratified splits differ by a sixth of their mean, where splits at random differed by a half."""
    assert digits.test is not None
    value = measure(digits, "fd5k", torch.zeros(5000, dtype=torch.int64))
    assert value.floor is not None
    assert value.floor_spread < value.floor / 6
    assert re.fullmatch(r"drawn from 718 train images against 719 others", value.floor_of)

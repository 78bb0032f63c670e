"""Metrics on the scores of held-out samples: an AUROC from public names alone, its name, its key, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from ganbench import ArraySource, ConfigError, Dataset, Metric, MetricSpec, Needs, Quantity, SampleSet, labels_of
from ganbench.errors import Diverged
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import plan_metrics
from ganbench_spaces.images import ImageSpace

AUROC = MetricSpec(
    name="auroc",
    summary="how often a held-out sample of class 1 has a higher score than one of class 0",
    factory="test_scores:build_auroc",
    quantities=(Quantity(name="auroc", label="AUROC", higher_is_better=True),),
    looks_at="scores",
)
SPACE = ImageSpace(channels=1, height=4, width=4)


@dataclass(frozen=True, slots=True)
class Auroc:
    """The share of pairs of an anomaly and a normal sample in which the anomaly scores higher; equal scores count half."""

    scorer: str = "anomaly"
    implementation: str = "auroc-1"
    needs: ClassVar[Needs] = Needs(statistics=False, labels=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return whose scores are looked at."""
        return {"scorer": self.scorer}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (area,), from 0 to 1."""
        assert real.scores is not None
        scores, labels = real.scores[self.scorer], labels_of(real)
        gaps = scores[labels == 1][:, None] - scores[labels == 0]
        return (((gaps > 0).double() + 0.5 * (gaps == 0).double()).mean().item(),)


def build_auroc(options: object) -> Metric:
    """Build the metric."""
    return Auroc()


def pixels(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4).contiguous()


TRAIN = ArraySource(pixels(1, 2, 3), space=SPACE)
TEST = ArraySource(pixels(10, 40, 30, 20, 30), torch.tensor([0, 1, 0, 1, 1]), space=SPACE)


def make(test: ArraySource | None = TEST, *, metric: Metric | None = None, batch_size: int = 2) -> Evaluator:
    planned = plan_metrics(["auroc"], {"auroc": AUROC}, {}, "")
    dataset = Dataset(name="noise", train=TRAIN, test=test)
    return Evaluator(planned, {"auroc": metric or Auroc()}, {}, dataset, device="cpu", batch_size=batch_size)


def brightness(stored: Tensor) -> Tensor:
    return stored.float().mean(dim=(1, 2, 3))


def never(start: int, count: int) -> Tensor:
    raise AssertionError("nothing is generated for a metric on scores")


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_scores_are_compared_with_the_labels_of_the_held_out_samples(batch_size: int) -> None:
    """Six pairs by hand: four are in order, one ties and one is the wrong way round."""
    (value,) = make(batch_size=batch_size).evaluate(never, scorers={"anomaly": brightness})
    assert value.value == pytest.approx(4.5 / 6)
    assert (value.name, value.label, value.num_generated, value.num_reference) == ("auroc", "AUROC", 0, 5)
    assert (value.floor, value.spread) == (None, 0.0)


def test_the_scores_are_asked_for_anew_at_each_evaluation() -> None:
    """The networks have gone on training."""
    evaluator = make()
    values = [evaluator.evaluate(never, scorers={"anomaly": score})[0].value for score in (brightness, lambda x: -brightness(x))]
    assert values == [pytest.approx(4.5 / 6), pytest.approx(1.5 / 6)]


def test_the_key_is_of_the_held_out_samples_and_of_nothing_generated() -> None:
    """Neither an extractor nor a quantiser nor latents have a part in it."""
    assert dict(make().keys()[0].fields) == {
        "implementation": "auroc-1",
        "metric": "auroc",
        "num_generated": 0,
        "num_reference": 5,
        "parameter.scorer": "anomaly",
        "reference_hash": TEST.content_hash,
        "reference_split": "test",
    }


@pytest.mark.parametrize(("name", "what"), [("auroc5k", "count"), ("auroc_digits", "extractor"), ("auroc5k_digits", "extractor")])
def test_a_name_holds_neither_a_count_nor_an_extractor(name: str, what: str) -> None:
    """All held-out samples are scored, by the networks of the run."""
    with pytest.raises(ConfigError, match=f"'{name}' looks at the scores of all held-out samples, without an? {what}; write auroc$"):
        plan_metrics([name], {"auroc": AUROC}, {}, "digits")


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (None, "metric 'auroc' scores held-out samples, and noise has none"),
        (ArraySource(TEST.stored, space=SPACE), "metric 'auroc' needs labels, and noise has none"),
        (ArraySource(pixels(1), torch.tensor([0]), space=SPACE), r"needs at least 2 real images \(got 1; scorer anomaly\)"),
    ],
)
def test_a_dataset_without_labelled_held_out_samples_is_refused(test: ArraySource | None, message: str) -> None:
    """Before anything is trained; a conditional generator is not asked for."""
    with pytest.raises(ConfigError, match=message):
        make(test)


def test_a_score_that_is_not_finite_ends_the_run() -> None:
    """As a feature would."""
    with pytest.raises(Diverged, match="the scores 'anomaly' hold NaN or Inf"):
        make().evaluate(never, scorers={"anomaly": lambda stored: brightness(stored) / 0 * 0})

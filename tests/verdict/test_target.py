"""Time to quality: the target, interpolation, the envelope of base's runs, and what is not compared."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from ganbench.record.record import MIXED_MACHINES, Evaluation, MetricValue, RunRecord
from ganbench.verdict.findings import Finding
from ganbench.verdict.policy import Policy
from ganbench.verdict.quality import _time_to, compare_time_to_quality
from ganbench.verdict.stored import compare_records

KIMG, SECONDS = "kimg_to.fd1k_digits", "seconds_to.fd1k_digits"
SPEEDS = [1.0, 1.02, 0.98, 1.05, 0.96, 1.01, 0.99, 1.03, 0.97, 1.04]
"""How fast base's ten seeds learn."""


@pytest.fixture
def runs(make_run: Callable[..., RunRecord], make_value: Callable[..., MetricValue]) -> Callable[..., list[RunRecord]]:
    """Return a builder of runs that learn at given speeds: ``80 - 60 * speed * progress`` at ``kimgs``; other words go to the records."""

    def build(
        speeds: Sequence[float], *, kimgs: Sequence[int] = (0, 25, 50, 75, 100), metric: dict[str, Any] | None = None, **changes: Any
    ) -> list[RunRecord]:
        made = []
        for seed, speed in enumerate(speeds):
            curve = [
                Evaluation(
                    samples_seen=1000 * kimg,
                    training_seconds=0.8 * kimg,
                    values=(make_value(80 - 0.6 * speed * kimg, **(metric or {})),),
                )
                for kimg in kimgs
            ]
            record = make_run(seed, trajectory=f"{changes.get('side')}{seed}{speed}", **changes)
            made.append(dataclasses.replace(record, evaluations=tuple(curve)))
        return made

    return build


def compare(base: list[RunRecord], head: list[RunRecord], **policy: Any) -> dict[str, Finding]:
    """Return the findings by metric."""
    return {found.metric: found for found in compare_time_to_quality(base, head, Policy(**policy))}


def test_a_target_between_two_evaluations_is_interpolated(runs: Callable[..., list[RunRecord]]) -> None:
    """80, 65, 50, 35, 20 at 0 to 100 kimg: 42.5 is half way between 50 and 75, and what is never reached is infinitely far."""
    (run,) = runs([1.0])
    for target, kimg in ((80.0, 0.0), (65.0, 25.0), (42.5, 62.5), (20.0, 100.0), (19.9, math.inf)):
        assert _time_to(target, run, "fd1k_digits", lambda evaluation: evaluation.samples_seen / 1000) == pytest.approx(kimg)


def test_more_is_reached_from_below(make_record: Callable[..., RunRecord], make_value: Callable[..., MetricValue]) -> None:
    """Precision rises; a NaN on the way is passed over."""
    values = (0.1, math.nan, 0.5, 0.7)
    curve = tuple(
        Evaluation(samples_seen=i, training_seconds=i, values=(make_value(value, higher_is_better=True),)) for i, value in enumerate(values)
    )
    run = make_record(evaluations=curve)
    assert _time_to(0.3, run, "fd1k_digits", lambda evaluation: evaluation.samples_seen) == pytest.approx(1.0)
    assert _time_to(0.6, run, "fd1k_digits", lambda evaluation: evaluation.samples_seen) == pytest.approx(2.5)


def test_the_target_is_what_every_run_of_base_reached(runs: Callable[..., list[RunRecord]]) -> None:
    """The slowest of them needs three quarters of the images."""
    found = compare(runs(SPEEDS), runs(SPEEDS[:5], side="head"))[KIMG]
    assert (found.state, found.tier, found.gate, found.unit) == ("unchanged", "time-to-quality", "fail", "kimg")
    assert found.label == "images to FD digits 36.8"
    assert max(found.base_values) == pytest.approx(75.0)
    assert found.base == pytest.approx(71.7, abs=0.1)
    assert found.threshold == 0.1


def test_the_envelope_is_the_threshold_where_seeds_differ_widely(runs: Callable[..., list[RunRecord]]) -> None:
    """The slowest run takes half as long again as the middle one, and so may head."""
    base = runs([1.5, 1.4, 1.6, 1.55, 1.45, 1.5, 1.52, 1.48, 1.5, 1.0])
    found = compare(base, runs([1.25, 1.2, 1.22, 1.24, 1.21], side="head"))[KIMG]
    assert found.threshold == pytest.approx(0.5)
    assert found.state != "regressed"
    assert compare(base, runs([0.9, 0.92, 0.91, 0.93, 0.94], side="head"))[KIMG].state == "regressed"
    assert compare(base, runs([1.0] * 5, side="head"))[KIMG].state == "inconclusive"


def test_who_learns_slower_regresses_and_who_learns_faster_improves(runs: Callable[..., list[RunRecord]]) -> None:
    """Past the envelope; the seconds are told beside the images and gate nothing."""
    slower = compare(runs(SPEEDS), runs([0.8 * speed for speed in SPEEDS[:5]], side="head"))
    assert (slower[KIMG].state, slower[SECONDS].state, slower[SECONDS].gate) == ("regressed", "regressed", "off")
    faster = compare(runs(SPEEDS), runs([1.3 * speed for speed in SPEEDS[:5]], side="head"))
    assert faster[KIMG].state == "improved"
    assert faster[KIMG].change == pytest.approx(1 / 1.3 - 1, abs=0.03)


def test_who_never_gets_there_or_diverges_ranks_last(runs: Callable[..., list[RunRecord]]) -> None:
    """A head that hardly learns is a regression without an end."""
    found = compare(runs(SPEEDS), runs([0.95, 0.5, 0.4, 0.3, 0.6], side="head"))[KIMG]
    assert (found.state, found.change, found.head) == ("regressed", math.inf, None)
    diverged = [dataclasses.replace(run, status="diverged") for run in runs([1.0, 1.0, 1.0], side="head")]
    found = compare(runs(SPEEDS), [*runs([0.9, 0.8], side="head"), *diverged])[KIMG]
    assert (found.state, found.num_head) == ("regressed", 5)
    assert "3 of 5 head runs diverged" in found.reason


def test_three_against_three_decide_nothing(runs: Callable[..., list[RunRecord]]) -> None:
    """By ranks they never can."""
    found = compare(runs(SPEEDS[:3]), runs([0.5, 0.5, 0.5], side="head"))[KIMG]
    assert (found.state, found.is_open) == ("inconclusive", True)


def test_images_are_compared_across_machines_and_seconds_are_not(runs: Callable[..., list[RunRecord]]) -> None:
    """With the field and both values."""
    found = compare(runs(SPEEDS), runs(SPEEDS[:5], side="head", hardware={"cpu": "Other CPU"}))
    assert found[KIMG].state == "unchanged"
    assert (found[SECONDS].state, [d.field for d in found[SECONDS].differences]) == ("not-comparable", ["cpu"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"kimgs": (0, 20, 40, 60, 80, 100)}, "evaluated_at_kimg"), ({"metric": {"evaluation_key": "0" * 12}}, "digest")],
)
def test_another_way_to_measure_is_not_compared(runs: Callable[..., list[RunRecord]], changes: dict[str, Any], field: str) -> None:
    """Nor is quality that was measured at other moments: longer ways between evaluations give other times."""
    found = compare(runs(SPEEDS), runs(SPEEDS[:5], side="head", **changes))[KIMG]
    assert found.state == "not-comparable"
    assert field in {difference.field for difference in found.differences}


def test_quality_that_was_not_followed_gives_no_time(runs: Callable[..., list[RunRecord]]) -> None:
    """One evaluation, or one before and one after; a run of two machines; a target that is there before the first step."""
    base = runs(SPEEDS)
    assert not compare(runs(SPEEDS, kimgs=(100,)), runs(SPEEDS, kimgs=(100,)))
    assert not compare(base, runs(SPEEDS, kimgs=(0, 100)))
    assert not compare(base, runs(SPEEDS, notes=(MIXED_MACHINES,)))
    assert not compare(runs([*SPEEDS, 0.0]), base)


def test_the_same_losses_take_the_same_images(runs: Callable[..., list[RunRecord]]) -> None:
    """Three seeds are enough then; their seconds are those of the machine."""
    found = compare(runs(SPEEDS), runs(SPEEDS[:3]))
    assert found[KIMG].state == "unchanged"
    assert found[KIMG].reason.startswith("the same losses")
    assert found[SECONDS].confidence is not None


def test_records_are_compared_by_it_too(runs: Callable[..., list[RunRecord]]) -> None:
    """The whole verdict has it beside the quality; a tier's gate and threshold hold."""
    slow = runs([0.8 * speed for speed in SPEEDS[:5]], side="head")
    fails = compare_records(runs(SPEEDS), slow, Policy(gates={"quality": "off"}))
    assert [found.metric for found in fails.failures] == [KIMG]
    for policy in ({"gates": {"time-to-quality": "warn"}}, {"thresholds": {"time-to-quality": 0.5}}):
        merged = {**policy, "gates": {"quality": "off", **policy.get("gates", {})}}
        assert not compare_records(runs(SPEEDS), slow, Policy(**merged)).failures


@pytest.mark.slow
def test_identical_training_is_seldom_called_slower(runs: Callable[..., list[RunRecord]]) -> None:
    """300 comparisons of 5 against 10 seeds whose speeds vary by a tenth: at most alpha of them regress or improve."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        base, head = (list(random.lognormal(0, 0.1, size)) for size in (10, 5))
        wrong += compare(runs(base), runs(head, side="head"))[KIMG].state in ("regressed", "improved")
    assert wrong <= 15

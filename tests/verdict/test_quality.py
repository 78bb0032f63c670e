"""Quality over seeds: margins, ranks, runs that diverged, and what too few seeds can say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.record.record import MetricValue, RunRecord
from ganbench.report.words import finding_sentence
from ganbench.verdict.findings import Finding
from ganbench.verdict.policy import RULES, Policy, quality_rule
from ganbench.verdict.quality import compare_quality, new_metrics
from ganbench.verdict.unpaired import compare_groups

Runs = Callable[..., list[RunRecord]]
TEN = [20.0, 20.3, 19.6, 20.9, 19.1, 20.1, 19.9, 20.5, 19.4, 20.7]
FIVE = [20.2, 19.8, 20.6, 19.5, 20.4]


def only(findings: tuple[Finding, ...]) -> Finding:
    """Return the one finding."""
    (found,) = findings
    return found


@pytest.fixture
def compare(make_runs: Runs) -> Callable[..., Finding]:
    """Return what compares the values of base's and head's seeds; words go to head's records."""

    def values(base: list[float], head: list[float], policy: Policy | None = None, **changes: Any) -> Finding:
        metric = changes.get("metric", {})
        theirs = make_runs(head, trajectory="another", **changes)
        return only(compare_quality(make_runs(base, metric=metric), theirs, policy or Policy()))

    return values


@pytest.mark.parametrize(("factor", "state"), [(1.0, "unchanged"), (1.3, "regressed"), (0.7, "improved"), (1.02, "unchanged")])
def test_five_seeds_against_ten_decide(compare: Callable[..., Finding], factor: float, state: str) -> None:
    """With the margin of 10 percent, and a visible change well below it."""
    found = compare(TEN, [factor * value for value in FIVE])
    assert (found.state, found.threshold, found.num_base, found.num_head) == (state, 0.1, 10, 5)
    assert found.smallest_visible is not None
    assert 0.02 < found.smallest_visible < 0.1


@pytest.mark.parametrize(("factor", "state"), [(1.3, "improved"), (0.7, "regressed")])
def test_the_direction_is_the_metrics(compare: Callable[..., Finding], factor: float, state: str) -> None:
    """Precision that falls is worse."""
    metric = {"name": "precision1k_digits", "higher_is_better": True}
    assert compare([v / 100 for v in TEN], [factor * v / 100 for v in FIVE], metric=metric).state == state


def test_three_against_three_says_that_it_cannot_be_significant(compare: Callable[..., Finding]) -> None:
    """Even at twice the distance; and what would be enough, and how small a change that would see."""
    found = compare([19.0, 20.0, 21.0], [38.0, 40.0, 42.0])
    assert (found.state, found.p_value, found.smallest_visible) == ("inconclusive", pytest.approx(0.1), None)
    assert found.reason == (
        "3 against 3 runs can never be significant by ranks, the smallest p is 0.1; "
        "3 against 5 could be, and would detect a change of 13.0%"
    )


def test_one_seed_says_how_many_would_do(compare: Callable[..., Finding]) -> None:
    """One against one has no spread at all."""
    found = compare([20.0], [40.0])
    assert found.state == "inconclusive"
    assert found.reason == "1 against 1 runs can never be significant by ranks, the smallest p is 1; 4 against 4 could be"


def test_seeds_that_diverged_rank_last_and_are_never_dropped(compare: Callable[..., Finding], make_runs: Runs) -> None:
    """Three of five: the other two are as good as base, and dropping would call head unchanged."""
    found = compare(TEN, [20.2, 19.8, math.nan, math.inf, math.nan])
    assert (found.state, found.num_head, found.change, found.head) == ("inconclusive", 5, math.inf, None)
    assert "3 of 5 head runs diverged and rank last" in found.reason
    assert not found.not_worse
    worse = compare(TEN, [22.4, math.nan, math.nan, math.nan, math.nan])
    assert worse.state == "regressed"


def test_a_run_that_stopped_early_ranks_last_whatever_it_had_measured(make_runs: Runs) -> None:
    """Its last value was good, or it has none."""
    good = make_runs(FIVE, trajectory="another")
    stopped = [dataclasses.replace(run, status="diverged") for run in good[:4]]
    unmeasured = [dataclasses.replace(run, evaluations=()) for run in stopped]
    for runs in (stopped, unmeasured):
        found = only(compare_quality(make_runs(TEN), [*runs, good[4]], Policy()))
        assert found.num_head == 5
        assert "4 of 5 head runs diverged" in found.reason
        assert found.head_values[0] == good[4].final("fd1k_digits").value


def test_a_baseline_that_diverged_makes_head_no_worse(compare: Callable[..., Finding]) -> None:
    """Exchanging the sides mirrors the verdict."""
    assert compare([22.4, math.nan, math.nan, math.nan, math.nan], TEN).state == "improved"


AROUND_ZERO = [-0.3, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.25, 0.3]
"""What an unbiased distance of equal distributions is like."""


@pytest.mark.parametrize(
    ("base", "head", "metric", "state"),
    [
        (AROUND_ZERO, [5000.0 + v for v in AROUND_ZERO], {"floor": None}, "regressed"),
        ([5000.0 + v for v in AROUND_ZERO], AROUND_ZERO, {"floor": None}, "improved"),
        (AROUND_ZERO, [v + 0.01 for v in AROUND_ZERO], {"floor": -10.0, "floor_splits": (-18.0, -2.0)}, "unchanged"),
        (AROUND_ZERO, [5000.0 + v for v in AROUND_ZERO], {"floor": -10.0, "floor_splits": (-18.0, -2.0)}, "regressed"),
        ([0.0] * 10, [1.0] * 10, {"name": "memorised2k_digits", "floor": 0.4}, "regressed"),
        ([0.0] * 10, [0.01] * 10, {"name": "memorised2k_digits", "floor": 0.4}, "unchanged"),
        ([0.0] * 10, [1e-9] * 10, {"name": "memorised2k_digits", "floor": None}, "regressed"),
        ([0.0] * 10, [0.0] * 10, {"name": "memorised2k_digits", "floor": None}, "unchanged"),
        ([*[0.5 + i / 1000 for i in range(9)], -0.01], [50.0 + i for i in range(10)], {"floor": None}, "regressed"),
        ([*TEN[:9], 0.0], [1.02 * v for v in TEN], {}, "unchanged"),
        ([-v for v in TEN], [-1.3 * v for v in TEN], {"name": "nll", "higher_is_better": True}, "regressed"),
        ([-v for v in TEN], [-0.7 * v for v in TEN], {"name": "nll", "higher_is_better": True}, "improved"),
        ([-v for v in TEN], [-1.3 * v for v in TEN], {"name": "nll"}, "improved"),
    ],
)
def test_a_metric_that_touches_zero_is_decided_too(
    compare: Callable[..., Finding], base: list[float], head: list[float], metric: dict[str, Any], state: str
) -> None:
    """By ranks, which need no logarithm; the threshold is of the most of base's median, its spread and real against real."""
    found = compare(base, head, metric=metric)
    assert (found.state, found.fails) == (state, state == "regressed"), found.reason
    assert found.scale is not None
    assert "a value is not above 0: changes are in units of" in found.reason


def test_what_is_told_of_a_metric_that_touches_zero(compare: Callable[..., Finding]) -> None:
    """Its change in units of the scale, and its own values in the sentence."""
    found = compare([-0.1] * 5 + [0.1] * 5, [0.9] * 5 + [1.1] * 5, metric={"floor": 0.5})
    assert (found.scale, found.change, found.low) == (0.5, pytest.approx(2.0), pytest.approx(1.6))
    assert finding_sentence(found) == "FD digits went from 0 to 1"


@pytest.mark.slow
def test_noise_around_zero_is_seldom_called_changed() -> None:
    """300 comparisons of 10 against 10; and one that is three deviations worse is always seen."""
    rng, rule = np.random.default_rng(6), quality_rule_of_fd()
    values = rng.normal(size=(300, 20))
    states = [compare_groups(rule, list(row[:10]), list(row[10:]), Policy()).state for row in values]
    assert sum(state in ("regressed", "improved") for state in states) <= 24
    worse = [compare_groups(rule, list(row[:10]), list(row[10:] + 3), Policy()).state for row in values]
    assert worse.count("regressed") >= 295


def test_where_every_run_of_both_sides_diverged_nothing_is_decided() -> None:
    """Equally bad is not unchanged."""
    found = compare_groups(quality_rule_of_fd(), [math.nan] * 5, [math.nan, math.inf] * 3, Policy())
    assert (found.state, found.reason.split(";")[0], found.fails) == ("inconclusive", "no run has a value", False)


def test_a_precision_of_zero_is_the_worst_there_is(compare: Callable[..., Finding]) -> None:
    """Where more is better, zero has an order."""
    metric = {"name": "precision1k_digits", "higher_is_better": True}
    found = compare([v / 100 for v in TEN], [0.0] * 5, metric=metric)
    assert (found.state, found.change) == ("regressed", -1.0)


def test_other_evaluation_keys_are_refused_with_their_fields(make_runs: Runs, make_value: Callable[..., MetricValue]) -> None:
    """Another extractor gives other numbers."""
    head = []
    for run in make_runs(FIVE):
        key = type(run.keys.hardware).of(metric="fd1k_digits", extractor="digits-2", num_generated=1000)
        value = make_value(20.0, evaluation_key=key.digest)
        evaluation = dataclasses.replace(run.evaluations[0], values=(value,))
        head.append(dataclasses.replace(run, keys=dataclasses.replace(run.keys, evaluation=(key,)), evaluations=(evaluation,)))
    found = only(compare_quality(make_runs(TEN), head, Policy()))
    assert found.state == "not-comparable"
    assert [(d.key, d.field, d.base, d.head) for d in found.differences] == [("evaluation", "extractor", "digits-1", "digits-2")]


def test_the_same_losses_and_the_same_values_mean_the_same_quality(make_runs: Runs) -> None:
    """Three seeds are enough then, and one would be."""
    base, head = make_runs(TEN), make_runs(TEN[:3])
    found = only(compare_quality(base, head, Policy()))
    assert (found.state, found.reason) == ("unchanged", "the same losses and the same value for every seed of head (0, 1, 2)")


def test_the_same_losses_with_other_values_are_compared_like_any(make_runs: Runs) -> None:
    """The averaged generator or the metric may have changed behind the losses."""
    head = make_runs([2 * v for v in TEN[:5]], trajectory="same")
    assert only(compare_quality(make_runs(TEN, trajectory="same"), head, Policy())).state == "regressed"


def test_a_metric_that_head_lacks_is_missing_and_one_that_base_lacks_is_new(make_runs: Runs) -> None:
    """A gate that is not measured any more must not pass."""
    base, head = make_runs(TEN), make_runs(FIVE, metric={"name": "kd1k_digits"})
    found = only(compare_quality(base, head, Policy()))
    assert (found.metric, found.state, found.reason) == ("fd1k_digits", "missing", "head was not measured by fd1k_digits")
    assert new_metrics(base, head) == ("kd1k_digits",)


def test_the_best_value_of_each_run_can_be_compared_instead(make_run: Callable[..., RunRecord]) -> None:
    """Head got as good as base, and then collapsed."""
    base = [make_run(seed, value) for seed, value in enumerate(TEN)]
    head = []
    for seed, value in enumerate(FIVE):
        early, late = make_run(seed, value).evaluations[0], make_run(seed, 3 * value).evaluations[0]
        head.append(make_run(seed, evaluations=(early, late)))
    states = [only(compare_quality(base, head, Policy(quality=part))).state for part in ("final", "best")]
    assert states == ["regressed", "unchanged"]


def test_the_margin_and_the_gate_are_the_users(compare: Callable[..., Finding]) -> None:
    """By tier or by metric."""
    worse = [1.3 * value for value in FIVE]
    assert compare(TEN, worse, Policy(thresholds={"quality": 0.5})).state == "unchanged"
    assert not compare(TEN, worse, Policy(gates={"fd1k_digits": "warn"})).fails


@pytest.mark.slow
def test_identical_training_is_seldom_called_changed() -> None:
    """400 comparisons of 5 against 10 seeds that vary by 5 percent; and a fifth worse is seen nine times in ten."""
    rng, rule = np.random.default_rng(5), quality_rule_of_fd()
    values = 20 * np.exp(0.05 * rng.normal(size=(400, 15)))
    states = [compare_groups(rule, list(row[:10]), list(row[10:]), Policy()).state for row in values]
    assert sum(state in ("regressed", "improved") for state in states) <= 4
    worse = [compare_groups(rule, list(row[:10]), list(1.2 * row[10:]), Policy()).state for row in values]
    assert worse.count("regressed") >= 360


def quality_rule_of_fd() -> Any:
    """Return the rule of a distance."""
    return dataclasses.replace(RULES["peak_memory_mib"], name="fd", tier="quality", threshold=0.1)


SEEDS = st.lists(st.one_of(st.floats(1, 100), st.just(math.nan)), min_size=1, max_size=7)


@settings(max_examples=60)
@given(SEEDS, SEEDS, st.booleans())
def test_exchanging_base_and_head_mirrors_the_finding(base: list[float], head: list[float], higher: bool) -> None:
    """For either direction, and with runs that diverged."""
    rule = dataclasses.replace(quality_rule_of_fd(), direction="higher" if higher else "lower")
    there, back = compare_groups(rule, base, head, Policy()), compare_groups(rule, head, base, Policy())
    assert back.state == {"regressed": "improved", "improved": "regressed"}.get(there.state, there.state)
    assert (back.p_value, back.smallest_visible, back.base) == (there.p_value, there.smallest_visible, there.head)


@settings(max_examples=60)
@given(SEEDS, SEEDS, st.randoms())
def test_the_order_of_the_runs_changes_nothing(base: list[float], head: list[float], random: Any) -> None:
    """Seeds are exchangeable."""
    one = compare_groups(quality_rule_of_fd(), base, head, Policy())
    random.shuffle(base)
    random.shuffle(head)
    other = compare_groups(quality_rule_of_fd(), base, head, Policy())
    assert (one.state, one.change, one.low, one.high, one.p_value) == (other.state, other.change, other.low, other.high, other.p_value)


def test_a_rule_takes_name_and_direction_from_the_value(make_value: Callable[..., MetricValue]) -> None:
    """Whatever a plugin measures."""
    rule = quality_rule(make_value(1.0, name="precision1k_digits", label="precision digits", higher_is_better=True))
    assert (rule.name, rule.label, rule.direction, rule.tier) == ("precision1k_digits", "precision digits", "higher", "quality")

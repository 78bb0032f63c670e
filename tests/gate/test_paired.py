"""Process pairs: what decides, when to look again, the traps, and the error rates."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.verdict.findings import Comparison, Finding
from ganbench.verdict.policy import RULES, MetricRule, Policy, rule_of, time_rule
from ganbench_gate.paired import Pair, PairedMetric, compare_in_looks, compare_paired, next_look

TIME = time_rule("step_seconds", "step")
SPREAD = [0.004, -0.011, 0.007, 0.013, -0.006]
"""Logarithms as identical code gives them."""
MIRRORED = {"regressed": "improved", "improved": "regressed"}


def metric(logs: list[float], rule: MetricRule = TIME, *, sign: int = 1) -> PairedMetric:
    """Return a metric of which the logarithm of each pair is known."""
    return PairedMetric(rule=rule, pairs=tuple(Pair.of_log_ratio(sign * log) for log in logs))


def compare(logs: list[float], **policy: Any) -> Comparison:
    """Return the verdict on a time."""
    return compare_paired([metric(logs)], Policy(**policy))


def one(pairs: list[Pair], rule: MetricRule = TIME) -> Finding:
    """Return the only finding of some pairs."""
    (found,) = compare_paired([PairedMetric(rule=rule, pairs=tuple(pairs))], Policy()).findings
    return found


def test_a_slowdown_of_ten_percent_is_a_regression() -> None:
    """With its estimate, its interval, and what could have been seen."""
    comparison = compare([log + math.log(1.1) for log in SPREAD])
    (found,) = comparison.findings
    assert (found.state, comparison.exit_code, found.num_base) == ("regressed", 1, 5)
    assert found.change == pytest.approx(math.exp(np.mean(SPREAD)) * 1.1 - 1)
    assert found.low is not None
    assert 0.05 < found.low < 0.1
    assert found.smallest_visible is not None
    assert 0.01 < found.smallest_visible < 0.05
    assert found.confidence == pytest.approx(1 - 0.05 / 3)


def test_identical_code_earns_unchanged() -> None:
    """Its interval lies within the threshold."""
    comparison = compare(SPREAD)
    assert (comparison.findings[0].state, comparison.exit_code) == ("unchanged", 0)


def test_a_change_that_is_certain_and_small_is_unchanged() -> None:
    """Two percent, known to a tenth of a percent."""
    assert compare([0.02, 0.0201, 0.0199, 0.02, 0.0202]).findings[0].state == "unchanged"


def test_a_wide_interval_is_inconclusive_and_fails_only_strictly() -> None:
    """Pairs that contradict each other."""
    wide = [0.2, -0.2, 0.3, -0.25, 0.1]
    assert (compare(wide).findings[0].state, compare(wide).exit_code, compare(wide, strict=True).exit_code) == ("inconclusive", 0, 1)


def test_more_images_in_a_second_are_an_improvement_and_more_seconds_are_not() -> None:
    """The direction is the metric's."""
    logs = [log + 0.1 for log in SPREAD]
    speed, time = compare_paired([metric(logs, RULES["samples_per_second"]), metric(logs)], Policy()).findings
    assert (speed.state, time.state) == ("improved", "regressed")
    assert speed.change == pytest.approx(time.change)


def test_the_two_sides_of_a_pair_may_have_unequal_numbers_of_samples() -> None:
    """How many there are changes nothing."""
    many = [Pair(base=(1.0, 1.01, 0.99), head=(1.1,) * (3 + 100 * i)) for i in range(5)]
    few = [Pair(base=(1.0,), head=(1.1,)) for _ in range(5)]
    assert one(many) == one(few)


def test_blocks_that_the_machine_disturbed_hardly_count() -> None:
    """In each pair every fifth block of one side takes four times as long."""
    disturbed = [Pair(base=(1.0, 1.01, 0.99, 1.0, 4.0), head=(1.11, 1.09, 1.1, 1.1, 1.1)) for _ in range(3)]
    disturbed += [Pair(base=(1.0, 1.01, 0.99, 1.0, 1.0), head=(1.11, 1.09, 1.1, 4.4, 1.1)) for _ in range(2)]
    found = one(disturbed)
    assert found.state == "regressed"
    assert found.change == pytest.approx(0.1, abs=0.005)


def test_one_pair_decides_nothing_however_large_the_change() -> None:
    """Its many samples are not independent."""
    found = one([Pair(base=(1.0,) * 100, head=(2.0,) * 100)])
    assert (found.state, found.change, found.reason) == ("inconclusive", 1.0, "one pair has no spread")
    assert (found.low, found.high, found.smallest_visible) == (-1.0, math.inf, None)


@pytest.mark.parametrize("bad", [0.0, -0.003, math.nan, math.inf])
def test_a_pair_with_a_sample_that_is_no_time_is_left_out_and_told(bad: float) -> None:
    """A clock that stepped backwards, a zero, a NaN."""
    good = [Pair(base=(1.0, 1.0), head=(1.0, 1.0 + log)) for log in SPREAD]
    found = one([*good, Pair(base=(1.0, bad), head=(9.0, 9.0)), Pair(base=(1.0, 1.0), head=(9.0, bad))])
    assert (found.state, found.num_base) == ("unchanged", 5)
    assert found.reason == "2 of 7 pairs left out: a sample was missing, not finite, 0 or negative"


def test_head_without_a_valid_sample_is_missing_and_base_without_one_is_inconclusive() -> None:
    """What was lost is gated like a regression; what never was cannot be."""
    lost = one([Pair(base=(1.0,), head=())] * 5)
    never = one([Pair(base=(math.nan,), head=(1.0,))] * 5)
    assert (lost.state, lost.fails) == ("missing", True)
    assert (never.state, never.fails) == ("inconclusive", False)


def test_nothing_to_compare_is_exit_code_5() -> None:
    """No metric, or a metric without a pair."""
    assert compare_paired([], Policy()).exit_code == 5
    assert compare([]).exit_code == 5


def test_notes_and_names_reach_the_comparison() -> None:
    """A dirty tree is told by whoever saw it."""
    comparison = compare_paired([metric(SPREAD)], Policy(), base="v1", head="HEAD", machine="here", notes=["head is not committed"])
    assert (comparison.base, comparison.head, comparison.machine) == ("v1", "HEAD", "here")
    assert comparison.notes == ("head is not committed",)


def test_the_null_ratio_splits_the_samples_of_base_so_that_drift_cancels() -> None:
    """A B B A under a steady drift of a percent for each block."""
    drifting = tuple(1 + 0.01 * i for i in range(8))
    found = one([Pair(base=drifting, head=drifting)] * 5)
    assert found.null is not None
    assert found.null.change == pytest.approx(0.0, abs=2e-4)
    assert (found.null.num_pairs, found.null.between_processes) == (5, False)


def test_a_second_base_process_gives_a_better_null_ratio() -> None:
    """It shows what differs from start to start."""
    found = one([Pair(base=(1.0,), head=(1.0,), null=(1.02,))] * 5)
    assert found.null is not None
    assert (found.null.change, found.null.between_processes) == (pytest.approx(0.02), True)


def test_samples_that_cannot_be_split_have_no_null_ratio() -> None:
    """Three samples are not a block of four."""
    assert one([Pair(base=(1.0,) * 3, head=(1.0,))] * 5).null is None


def test_another_look_is_taken_only_while_something_gated_is_open_and_time_is_left() -> None:
    """5, 8, 12, and no further."""
    policy, wide = Policy(), [0.2, -0.2, 0.3, -0.25, 0.1]
    undecided = compare(wide)
    assert next_look(compare(SPREAD), 5, policy) == 0
    assert [next_look(undecided, pairs, policy) for pairs in (3, 5, 8, 12)] == [5, 8, 12, 0]
    assert next_look(undecided, 5, policy, seconds_per_pair=10, seconds_left=29) == 0
    assert next_look(undecided, 5, policy, seconds_per_pair=10, seconds_left=30) == 8


def test_what_is_only_told_asks_for_no_further_look() -> None:
    """Unless nothing is gated and it is a warning."""
    wide = metric([0.2, -0.2, 0.3, -0.25, 0.1], time_rule("phase", "phase"))
    decided = metric(SPREAD)
    told = Policy(gates={"phase": "off"})
    assert next_look(compare_paired([wide, decided], told), 5, told) == 0
    warned = Policy(gates={"throughput": "warn"})
    assert next_look(compare_paired([wide, decided], warned), 5, warned) == 8


def test_the_looks_stop_at_the_first_verdict() -> None:
    """Later pairs are not read; without enough of them the last look is what there is."""
    clear = compare_in_looks([metric(SPREAD + [math.nan] * 7)], Policy())
    assert (clear[0].findings[0].state, clear[1]) == ("unchanged", 5)
    assert compare_in_looks([metric([0.2, -0.2, 0.3, -0.25, 0.1, 0.0])], Policy())[1] == 5
    assert compare_in_looks([metric([0.2, -0.2, 0.3])], Policy())[1] == 3


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("tails", ["normal", "heavy"])
@pytest.mark.parametrize(("slowdown", "states", "low", "high"), [(1.0, ("regressed", "improved"), 0, 0.01), (1.1, ("regressed",), 0.95, 1)])
def test_error_rates_at_the_spread_of_a_shared_machine(
    tails: str, slowdown: float, states: tuple[str, ...], low: float, high: float
) -> None:
    """Pairs that differ by 2.2 percent: identical code at most 1 percent changed, a tenth slower at least 95 percent regressed."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(300, 12)) if tails == "normal" else rng.standard_t(3, size=(300, 12)) / math.sqrt(3)
    logs = math.log(slowdown) + 0.022 * noise
    seen = Counter(compare_in_looks([metric(list(row))], Policy())[0].findings[0].state for row in logs)
    assert low <= sum(seen[state] for state in states) / 300 <= high, seen


LOGS = st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=12)


@pytest.mark.slow
@given(LOGS)
def test_exchanging_base_and_head_mirrors_the_verdict(logs: list[float]) -> None:
    """Better becomes worse, and the interval turns around."""
    pairs = [(1.0, math.exp(log)) for log in logs]
    there = one([Pair(base=(b,), head=(h,)) for b, h in pairs])
    back = one([Pair(base=(h,), head=(b,)) for b, h in pairs])
    assert back.state == MIRRORED.get(there.state, there.state)
    assert back.p_value == there.p_value
    assert there.change is not None
    assert back.change == pytest.approx(1 / (1 + there.change) - 1)


@pytest.mark.slow
@given(LOGS, st.integers(-20, 20))
def test_scaling_both_sides_changes_nothing(logs: list[float], power: int) -> None:
    """Seconds or milliseconds."""
    scale = 2.0**power
    plain = one([Pair(base=(1.0,), head=(math.exp(log),)) for log in logs])
    scaled = one([Pair(base=(scale,), head=(scale * math.exp(log),)) for log in logs])
    assert (plain.state, plain.change, plain.low, plain.high) == (scaled.state, scaled.change, scaled.low, scaled.high)


@pytest.mark.slow
@given(LOGS, st.randoms())
def test_the_order_of_the_pairs_changes_nothing(logs: list[float], random: Any) -> None:
    """A pair is a pair."""
    shuffled = list(logs)
    random.shuffle(shuffled)
    first, second = compare(logs).findings[0], compare(shuffled).findings[0]
    assert (first.state, first.change, first.low, first.p_value) == (second.state, second.change, second.low, second.p_value)


@pytest.mark.slow
@given(st.lists(st.floats(-0.02, 0.02), min_size=5, max_size=12), st.floats(0, 0.2))
def test_a_slower_head_never_gets_a_better_verdict(logs: list[float], slower: float) -> None:
    """The same on every pair; what becomes uncertain in between is neither."""
    order = ["improved", "unchanged", "regressed"]
    before, after = compare(logs).findings[0].state, compare([log + slower for log in logs]).findings[0].state
    if before in order and after in order:
        assert order.index(after) >= order.index(before)


def test_two_pairs_decide_nothing_that_base_against_base_shows_too() -> None:
    """The time was over after two of three pairs, and on a busy machine a change of nothing looks the same."""
    calm, busy = (100.0, 100.0, 100.0, 100.1), (100.0, 140.0, 140.0, 100.0)
    found = one([Pair(base=base, head=(level,) * 4) for base, level in ((calm, 120.0), (calm, 120.2))])
    assert found.state == "regressed"
    found = one([Pair(base=base, head=(level,) * 4) for base, level in ((calm, 120.0), (busy, 142.0))])
    assert (found.state, found.null is not None and found.null.high > 0.2) == ("inconclusive", True)
    assert "2 pairs are few, and so large a change was measured of base against base" in found.reason


def test_two_pairs_decide_no_time_that_stands_beside_a_machine_which_cannot_measure() -> None:
    """A phase has no base against base of its own: that of the throughput, from the same blocks, is what the machine makes of no change."""
    phase = PairedMetric(rule=rule_of("phase_milliseconds.joint"), pairs=tuple(Pair.of_log_ratio(log) for log in (0.58, 0.59)))
    calm, busy = (100.0, 100.0, 100.0, 100.1), (40.0, 140.0, 140.0, 40.0)
    for base, state in ((calm, "regressed"), (busy, "inconclusive")):
        speed = PairedMetric(rule=rule_of("samples_per_second"), pairs=tuple(Pair(base=one, head=one) for one in (calm, base)))
        comparison = compare_paired([speed, phase], Policy(looks=(2,)))
        (found,) = [one for one in comparison.findings if one.metric == "phase_milliseconds.joint"]
        assert (found.state, found.null) == (state, None)

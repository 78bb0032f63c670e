"""The decision rule, the correction for several metrics, and the exit codes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from ganbench.verdict.decide import _settle, compare_values, conclude, exit_code, finding, judge, plain_finding
from ganbench.verdict.findings import Finding, State
from ganbench.verdict.policy import RULES, MetricRule, Policy, rule_of, time_rule
from ganbench.verdict.statistics import Effect

TIME = time_rule("step_seconds", "step")
LIMIT = math.log1p(TIME.threshold)


def effect(low: float, center: float, high: float, **fields: Any) -> Effect:
    """Return an effect in units of the threshold."""
    return Effect(low=low * LIMIT, center=center * LIMIT, high=high * LIMIT, **{"p_value": 0.001, "confidence": 0.95, **fields})


def found(state: State, **fields: Any) -> Finding:
    """Return a finding of a gated time."""
    return dataclasses.replace(plain_finding(TIME, state, ""), **fields)


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ((0.1, 1.1, 2.1), "regressed"),
        ((0.1, 0.9, 1.7), "inconclusive"),
        ((-0.1, 1.5, 3.1), "inconclusive"),
        ((-2.1, -1.1, -0.1), "improved"),
        ((-1.7, -0.9, -0.1), "inconclusive"),
        ((-0.9, 0.0, 0.9), "unchanged"),
        ((0.1, 0.5, 0.9), "unchanged"),
        ((-1.1, 0.0, 0.9), "inconclusive"),
        ((-math.inf, 3.0, math.inf), "inconclusive"),
        ((math.inf, math.inf, math.inf), "regressed"),
    ],
)
def test_the_interval_and_the_threshold_decide_together(ends: tuple[float, float, float], state: str) -> None:
    """Regressed needs both; unchanged is earned by an interval inside the threshold; else nothing is certain."""
    assert judge(effect(*ends), TIME) == state


@pytest.mark.parametrize(
    ("rule", "base", "head"),
    [
        (RULES["peak_memory_mib"], 100.0, 105.0),
        (RULES["samples_per_second"], 105.0, 100.0),
        (RULES["peak_memory_mib"], 1.0, 1.05),
        (RULES["peak_memory_mib"], 4000.0, 4200.0),
    ],
)
def test_what_is_exactly_at_the_threshold_is_not_past_it(rule: MetricRule, base: float, head: float) -> None:
    """Though a logarithm rounds: ln(105 / 100) is an ulp above ln(1.05). A little more is past it."""
    at, past = (compare_values(rule, [base], [value]) for value in (head, head * (1.0001 if rule.direction == "lower" else 0.9999)))
    assert at is not None
    assert past is not None
    assert (at.state, at.not_worse, past.state) == ("unchanged", True, "regressed")


def test_a_phase_without_a_name_has_a_rule_too() -> None:
    """A record is a file, and a file may hold anything."""
    rule = rule_of("phase_milliseconds.")
    assert (rule.name, rule.gate, rule.unit) == ("phase_milliseconds.", "off", "ms")


def test_where_values_must_be_equal_fewer_is_a_regression_too() -> None:
    """A network that lost a layer has not improved."""
    rule = rule_of("generator_parameters")
    fewer = Effect(center=-0.1, low=-0.1, high=-0.1)
    assert judge(fewer, rule) == "regressed"
    assert judge(Effect(center=0.0, low=0.0, high=0.0), rule) == "unchanged"


def test_a_change_is_told_in_the_metrics_own_direction() -> None:
    """A fifth more time for an image is a sixth fewer images in a second."""
    rule = RULES["samples_per_second"]
    slower = Effect(center=math.log(1.2), low=math.log(1.1), high=math.log(1.3), p_value=0.0, confidence=0.95)
    one = finding(rule, slower, [600.0], [500.0])
    assert one.state == "regressed"
    assert (one.change, one.low, one.high) == pytest.approx((1 / 1.2 - 1, 1 / 1.3 - 1, 1 / 1.1 - 1))
    assert (one.base, one.head) == (600.0, 500.0)


def test_not_worse_means_that_the_worse_end_is_within_the_threshold() -> None:
    """Certainly better, by an unknown amount, is an open question that need not stop anybody."""
    better = finding(TIME, effect(-1.5, -0.8, -0.1), [1.0], [0.97])
    unknown = finding(TIME, effect(-1.5, 0.0, 1.5), [1.0], [1.0])
    assert (better.state, better.not_worse, better.is_open) == ("inconclusive", True, False)
    assert (unknown.state, unknown.not_worse, unknown.is_open) == ("inconclusive", False, True)
    assert "holds no change as well as one past the threshold of 5%" in unknown.reason
    assert better.reason == "better, and it is not certain whether by more than the threshold of 5%"


def test_what_is_significant_alone_and_not_among_many_is_inconclusive() -> None:
    """Holm: p of 0.03 among five."""
    many = [found("regressed", p_value=0.03)] + [found("unchanged", p_value=0.9)] * 4
    first, *others = _settle(many, Policy())
    assert first.state == "inconclusive"
    assert first.adjusted_p == pytest.approx(0.15)
    assert "not among 5 gated metrics" in first.reason
    assert {one.state for one in others} == {"unchanged"}
    assert _settle(many[:1], Policy())[0].state == "regressed"


def test_metrics_that_are_not_gated_take_no_part_in_the_correction() -> None:
    """A dozen phases that are only told do not weaken the gate."""
    told = [found("regressed", p_value=0.03, gate="off")] * 12
    settled = _settle([found("regressed", p_value=0.03), *told], Policy())
    assert {one.state for one in settled} == {"regressed"}
    assert [one.adjusted_p for one in settled] == [0.03] + [None] * 12


def test_too_few_values_among_too_many_metrics_say_so() -> None:
    """24 cells of 3 against 10 seeds, all far apart."""
    settled = _settle([found("regressed", p_value=0.007, smallest_p=0.007)] * 24, Policy())
    assert {one.state for one in settled} == {"inconclusive"}
    assert "among 24 gated metrics so few values can never be significant: their smallest p is 0.007" in settled[0].reason


@pytest.mark.parametrize(
    ("findings", "strict", "code"),
    [
        ([], False, 5),
        ([found("unchanged"), found("improved"), found("inconclusive")], False, 0),
        ([found("unchanged"), found("regressed")], False, 1),
        ([found("missing")], False, 1),
        ([found("regressed", gate="warn"), found("missing", gate="off")], True, 0),
        ([found("not-comparable"), found("not-comparable")], False, 4),
        ([found("not-comparable"), found("not-comparable")], True, 4),
        ([found("not-comparable"), found("unchanged")], False, 0),
        ([found("not-comparable"), found("unchanged")], True, 1),
        ([found("not-comparable"), found("missing")], False, 1),
        ([found("inconclusive")], True, 1),
        ([found("inconclusive", gate="warn")], True, 0),
        ([found("inconclusive", not_worse=True)], True, 0),
        ([found("broken"), found("regressed")], False, 1),
        ([found("broken", gate="warn")], False, 3),
        ([found("new")], True, 0),
        ([found("new"), found("regressed")], False, 1),
    ],
)
def test_the_exit_code_says_what_the_findings_mean(findings: list[Finding], strict: bool, code: int) -> None:
    """0 fine, 1 a gate failed or head is broken, 3 base is broken, 4 unlike keys left nothing, 5 nothing to compare."""
    assert exit_code(findings, strict=strict) == code
    assert conclude("paired", findings, Policy(strict=strict), base="a", head="b", machine="").exit_code == code


def test_a_comparison_knows_why_it_fails() -> None:
    """With strict also what is open."""
    findings = [found("regressed", p_value=0.0), found("inconclusive"), found("unchanged")]
    loose, strict = (conclude("paired", findings, Policy(strict=s), base="a", head="b", machine="") for s in (False, True))
    assert [one.state for one in loose.failures] == ["regressed"]
    assert [one.state for one in strict.failures] == ["regressed", "inconclusive"]
    assert loose.counts == {"regressed": 1, "inconclusive": 1, "unchanged": 1}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": 0.0}, r"alpha must be above 0 and below 0.5 \(got 0.0\)"),
        ({"alpha": 0.5}, "alpha must be"),
        ({"looks": ()}, "looks must be rising numbers of pairs, 2 or more"),
        ({"looks": (1, 5)}, "looks must be"),
        ({"looks": (5, 5)}, "looks must be"),
        ({"thresholds": {"memory": -0.1}}, r"threshold of memory must be 0 or more \(got -0.1\)"),
        ({"thresholds": {"memory": math.nan}}, "threshold of memory"),
        ({"gates": {"quality": "hard"}}, r"gate of quality must be fail, warn or off \(got 'hard'\)"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    """The field, what it may be, what it was."""
    with pytest.raises(ValueError, match=message):
        Policy(**fields)


def test_a_metrics_own_setting_goes_before_its_tiers() -> None:
    """And a tier's before the built-in one; a tier's gate never makes hard what is only told."""
    policy = Policy(thresholds={"throughput": 0.2, "step_seconds": 0.01}, gates={"throughput": "warn", "memory": "off"})
    assert (policy.applied(TIME).threshold, policy.applied(TIME).gate) == (0.01, "warn")
    assert policy.applied(RULES["samples_per_second"]).threshold == 0.2
    assert policy.applied(RULES["peak_memory_mib"]).gate == "off"
    hard = Policy(gates={"deterministic": "fail"})
    assert hard.applied(RULES["trajectory_hash"]).gate == "warn"
    assert Policy(gates={"trajectory_hash": "fail"}).applied(RULES["trajectory_hash"]).gate == "fail"

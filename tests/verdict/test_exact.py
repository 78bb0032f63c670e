"""Counts, hashes and memory: what one value decides."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.verdict.decide import compare_hashes, compare_values
from ganbench.verdict.findings import Finding
from ganbench.verdict.policy import RULES, MetricRule, rule_of

PARAMETERS, FLOPS, MEMORY = rule_of("generator_parameters"), RULES["flops_per_iteration"], RULES["peak_memory_mib"]


def compare(rule: MetricRule, base: list[float], head: list[float]) -> Finding:
    """Return a finding that must be there."""
    found = compare_values(rule, base, head)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rule", "base", "head", "state"),
    [
        (PARAMETERS, 1000, 1000, "unchanged"),
        (PARAMETERS, 1000, 1001, "regressed"),
        (PARAMETERS, 1000, 999, "regressed"),
        (PARAMETERS, 0, 10, "regressed"),
        (PARAMETERS, 0, 0, "unchanged"),
        (FLOPS, 1e6, 1.0009e6, "unchanged"),
        (FLOPS, 1e6, 1.002e6, "regressed"),
        (FLOPS, 1e6, 0.9e6, "improved"),
        (MEMORY, 1000, 1049, "unchanged"),
        (MEMORY, 1000, 1060, "regressed"),
        (MEMORY, 1000, 900, "improved"),
    ],
)
def test_one_value_on_each_side_is_enough(rule: MetricRule, base: float, head: float, state: str) -> None:
    """Exact for counts that follow from the code, 0.1 percent for FLOPs, 5 percent for memory."""
    found = compare(rule, [base], [head])
    assert found.state == state
    assert (found.confidence, found.p_value, found.low, found.high) == (None, None, found.change, found.change)


def test_of_several_values_all_must_agree() -> None:
    """Memory of runs that overlap decides nothing; so do counts that differ among the runs of one side."""
    overlapping = compare(MEMORY, [1000, 1200], [1100, 1300])
    assert (overlapping.state, overlapping.reason) == ("inconclusive", "the values of both sides overlap")
    assert compare(MEMORY, [1000, 1010], [1100, 1110]).state == "regressed"
    assert compare(PARAMETERS, [1000, 1001], [1000, 1000]).state == "inconclusive"


def test_what_base_has_and_head_lacks_is_missing() -> None:
    """And what only head has is not compared."""
    lost = compare(FLOPS, [1e6], [math.nan])
    assert (lost.state, lost.fails, lost.base) == ("missing", True, 1e6)
    assert compare_values(FLOPS, [math.nan], [1e6]) is None
    assert compare_values(FLOPS, [], [1e6]) is None


@pytest.mark.parametrize(("base", "head", "side"), [(0.0, 5.0, "base"), (5.0, 0.0, "head")])
def test_a_zero_has_no_ratio(base: float, head: float, side: str) -> None:
    """Where a smaller value is better nothing can be said; never a division by zero."""
    found = compare(MEMORY, [base], [head])
    assert (found.state, found.reason) == ("inconclusive", f"{side} is 0, so that there is no ratio")


def test_hashes_are_the_same_or_not() -> None:
    """Gated, another hash is a regression; else it decides nothing."""
    data, losses = RULES["data_hash"], RULES["trajectory_hash"]
    ours, theirs = {"seed 0": "a" * 64, "seed 1": "b" * 64}, {"seed 0": "a" * 64, "seed 1": "c" * 64, "seed 2": "d" * 64}
    same, gated, told = compare_hashes(data, ours, ours), compare_hashes(data, ours, theirs), compare_hashes(losses, ours, theirs)
    assert same is not None
    assert gated is not None
    assert told is not None
    assert (same.state, gated.state, told.state) == ("unchanged", "regressed", "inconclusive")
    assert (gated.reason, gated.base, gated.head, gated.num_base) == ("differs for seed 1", "b" * 12, "c" * 12, 2)
    assert compare_hashes(data, {"seed 0": "a"}, {"seed 7": "a"}) is None
    many = {f"seed {i}": "a" for i in range(9)}
    long = compare_hashes(data, many, dict.fromkeys(many, "b"))
    assert long is not None
    assert long.reason == "differs for seed 0, seed 1, seed 2, seed 3, seed 4 and 4 more"


@pytest.mark.slow
@given(st.lists(st.floats(1, 1000), min_size=1, max_size=4), st.lists(st.floats(1, 1000), min_size=1, max_size=4))
def test_exchanging_base_and_head_mirrors_the_verdict(base: list[float], head: list[float]) -> None:
    """Except where values must be equal: any change is a regression from both sides."""
    mirrored = {"regressed": "improved", "improved": "regressed"}
    there, back = compare(MEMORY, base, head).state, compare(MEMORY, head, base).state
    assert back == mirrored.get(there, there)
    equal = dataclasses.replace(MEMORY, direction="equal")
    assert compare(equal, base, head).state == compare(equal, head, base).state

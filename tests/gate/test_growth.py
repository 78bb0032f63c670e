"""Memory that steps leave behind is counted, named and judged; what fills up, comes and goes, or is noise is none."""

from __future__ import annotations

import functools
import json
from collections import Counter
from typing import Any

import pytest
import small_gan

from ganbench import Finding, Policy
from ganbench_gate.growth import memory_finding, object_finding, slope_of
from ganbench_gate.side_memory import Census, growth_of
from ganbench_gate.side_process import SideTraining


@functools.cache
def facts(version: str, blocks: int = 8, steps: int = 12) -> dict[str, Any]:
    """Return what a side says of some blocks of a version of the small GAN, as it comes out of its process."""
    settings = {"dataset.name": "ring8", "training.device": "cpu", "evaluation.metrics": ()}
    job = {
        "plugin": f"{small_gan.__file__}:SPEC",
        "settings": settings,
        "options": {"version": version},
        "off": [],
        "threads": 1,
        "slowdown": 0.0,
        "tree": "",
        "foreign": [],
    }
    training = SideTraining(job)
    training.run(steps)
    training.measure(census=True)
    for _ in range(blocks):
        training.run(steps)
        training.look_at_memory()
    answer: dict[str, Any] = json.loads(json.dumps(training.facts(8, counts=False)))
    return answer


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    """Return the facts of the version that leaves nothing behind."""
    return facts.__wrapped__("")


def judged(base: dict[str, Any], head: dict[str, Any]) -> Finding:
    found = object_finding(base, head, Policy())
    assert found is not None
    return found


@pytest.mark.slow
def test_a_list_of_losses_is_a_tensor_for_each_step(base: dict[str, Any]) -> None:
    """It fails, with the shape and the type of what is kept."""
    found = judged(base, facts("list"))
    assert (found.base, found.head, found.fails) == (0.0, 1.0, True)
    assert found.reason == "each step of head leaves behind 1 tensor float32[] (0.00391 KiB)"


@pytest.mark.slow
def test_a_chain_of_graphs_is_named_by_its_nodes(base: dict[str, Any]) -> None:
    """One tensor is alive at any time, and behind it the graphs of all steps."""
    found = judged(base, facts("graph"))
    assert found.fails
    assert found.head is not None
    assert float(found.head) >= 3
    assert "graph nodes MulBackward0" in found.reason


@pytest.mark.slow
@pytest.mark.parametrize("version", ["", "pool"])
def test_what_does_not_grow_is_unchanged(base: dict[str, Any], version: str) -> None:
    """Identical code, and a list that is full after 20 steps."""
    found = judged(base, facts(version))
    assert (found.state, found.head) == ("unchanged", 0.0)


def test_the_same_leak_on_both_sides_is_no_change() -> None:
    """Base has it too."""
    assert judged(facts("list"), facts("list")).state == "unchanged"


@pytest.mark.slow
def test_memory_that_is_no_tensor_shows_in_the_slope(base: dict[str, Any]) -> None:
    """256 KiB of bytes for each step are 250 MiB in 1,000 steps; what is named is no tensor, so nothing is."""
    leaking = facts("array")
    assert slope_of(leaking) == pytest.approx(250.0, rel=0.1)
    found = memory_finding([base] * 2, [leaking] * 2, Policy())
    assert found is not None
    assert found.state == "regressed"
    assert found.metric == "memory_growth"


def readings(slope: float, jump: float = 0.0) -> dict[str, Any]:
    """Return the facts of a process that grows by some bytes a step, and once by a jump."""
    used = [(step, int(500 * 2**20 + slope * step + (jump if step > 300 else 0))) for step in range(0, 600, 20)]
    return {"memory_readings": used, "peak_rss_mib": 500.0, "peak_device_mib": None}


def test_one_jump_is_no_growth() -> None:
    """An allocator that takes 32 MiB at once, somewhere in the middle."""
    assert slope_of(readings(0.0, jump=32 * 2**20)) == 0.0


def test_growth_is_judged_by_the_share_of_the_peak() -> None:
    """60 KiB a step are 58.6 MiB in 1,000 steps, 12 % of a peak of 500 MiB; 2 KiB are 0.4 %."""
    large = memory_finding([readings(0.0)] * 2, [readings(60 * 2**10)] * 2, Policy())
    small = memory_finding([readings(0.0)] * 2, [readings(2 * 2**10)] * 2, Policy())
    assert large is not None
    assert small is not None
    assert (large.state, large.head, small.state) == ("regressed", pytest.approx(58.6, abs=0.1), "unchanged")


def test_too_few_readings_are_no_slope() -> None:
    """Five blocks of a slow step say nothing."""
    assert slope_of({"memory_readings": [(step, 10) for step in range(5)]}) is None
    assert memory_finding([{"peak_rss_mib": 1.0}], [{"peak_rss_mib": 1.0}], Policy()) is None


def census(steps: int, **counts: int) -> Census:
    return Census(steps, Counter({name.replace("_", " "): count for name, count in counts.items()}), {"tensor a": 8})


def test_growth_must_go_on_from_census_to_census() -> None:
    """The last three count: what stopped growing, or came and went, did not grow."""
    grown = growth_of([census(1, tensor_a=5), census(10, tensor_a=50), census(20, tensor_a=50, tensor_b=9), census(40, tensor_a=50)])
    assert grown == {"per_step": {"tensor": 0.0, "graph node": 0.0}, "named": [], "steps": 30}
    grown = growth_of([census(10, tensor_a=1), census(20, tensor_a=11), census(40, tensor_a=51)])
    assert grown is not None
    assert (grown["per_step"]["tensor"], grown["named"]) == (1.0, [["tensor a", 1.0, 8.0]])
    assert growth_of([census(1), census(2)]) is None

"""The order of things in a pair: who is started first, whose block it is, and how long a block is."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest

from ganbench.errors import NotComparable
from ganbench.fleet.worker import Launch
from ganbench_gate.lockstep import PairPlan, log_ratio_of, phases_of, run_pair
from ganbench_gate.side import SidesFailed

Fake = Callable[..., Launch]
Log = Callable[[], list[str]]


def blocks(lines: list[str]) -> list[str]:
    """Return whose block it was, one letter each, after the warm-up."""
    last_measure = max(i for i, line in enumerate(lines) if line.endswith("measure"))
    return [line[0] for line in lines[last_measure:] if "begins" in line]


def test_only_one_process_works_at_a_time(fake: Fake, log: Log, quick_plan: PairPlan) -> None:
    """Each block ends before the next one begins, whoever takes it."""
    run_pair({"base": fake("base"), "head": fake("head")}, quick_plan, random.Random(0))
    work = [line.split()[:2] for line in log() if "begins" in line or "ends" in line]
    assert len(work) >= 2 * 12
    for began, ended in zip(work[::2], work[1::2], strict=True):
        assert began == [ended[0], "begins"]
        assert ended[1] == "ends"


@pytest.mark.parametrize("seed", range(4))
def test_blocks_alternate_as_abba(fake: Fake, log: Log, quick_plan: PairPlan, seed: int) -> None:
    """Rounds are A B B A, and all rounds of a pair begin with the same side."""
    pair = run_pair({"base": fake("base"), "head": fake("head")}, quick_plan, random.Random(seed))
    order = "".join(blocks(log()))
    assert order in ("bhhb" * 3, "hbbh" * 3)
    assert [len(side.samples_per_second) for side in pair.sides.values()] == [6, 6]


@pytest.mark.slow
def test_who_is_started_first_and_who_begins_are_drawn(fake: Fake, quick_plan: PairPlan) -> None:
    """Both orders occur, and the same seed gives the same ones."""
    launches = {"base": fake("base"), "head": fake("head")}
    orders = [run_pair(launches, quick_plan, random.Random(seed)).spawn_order for seed in range(8)]
    assert {order[0] for order in orders} == {"base", "head"}
    assert run_pair(launches, quick_plan, random.Random(3)).spawn_order == orders[3]


def test_the_first_pair_starts_its_processes_one_after_the_other(fake: Fake, log: Log, quick_plan: PairPlan) -> None:
    """What the first one has to make in a cache is there for the second one; where the first fails, it is known whether the second does."""
    launches = {"base": fake("base", mode="fail"), "head": fake("head", mode="fail")}
    with pytest.raises(SidesFailed, match="failed: RuntimeError: broken") as caught:
        run_pair(launches, quick_plan, random.Random(0), is_first=True)
    assert sorted(caught.value.refusals) == ["base", "head"]
    assert len([line for line in log() if "started" in line]) == 2


def test_a_second_base_process_has_rounds_of_its_own(fake: Fake, log: Log, quick_plan: PairPlan) -> None:
    """Base meets head and the null process in turns, so that head never has another neighbour than base."""
    launches = {"base": fake("base"), "head": fake("head"), "null": fake("null")}
    pair = run_pair(launches, quick_plan, random.Random(1))
    order = "".join(blocks(log()))
    assert order in ("bhhbbnnb" * 3, "hbbhnbbn" * 3)
    assert {name: len(side.samples_per_second) for name, side in pair.sides.items()} == {"base": 12, "head": 6, "null": 6}


@pytest.mark.parametrize(("step_seconds", "steps"), [(0.001, 100), (0.01, 10), (0.4, 1)])
def test_a_block_is_as_many_steps_as_take_its_time(fake: Fake, log: Log, quick_plan: PairPlan, step_seconds: float, steps: int) -> None:
    """Blocks of a tenth of a second, and at least one step."""
    launches = {role: fake(role, step_seconds=step_seconds) for role in ("base", "head")}
    assert run_pair(launches, quick_plan, random.Random(0)).steps_per_block == steps
    assert log()[-2].endswith(f"begins {steps}")


def test_the_warm_up_covers_the_first_steps_of_both(fake: Fake, log: Log, quick_plan: PairPlan) -> None:
    """However slow a step is, the fingerprint's steps are taken before anything is measured."""
    plan = dataclasses.replace(quick_plan, first_steps=5)
    run_pair({role: fake(role, step_seconds=1.0) for role in ("base", "head")}, plan, random.Random(0))
    before = log()[: next(i for i, line in enumerate(log()) if line.endswith("measure"))]
    for role in ("base", "head"):
        assert sum(int(line.split()[2]) for line in before if line.startswith(f"{role} begins")) >= 5


def test_counts_are_asked_of_the_first_pair_only(fake: Fake, quick_plan: PairPlan) -> None:
    """What takes further steps to find out is found out once."""
    launches = {"base": fake("base"), "head": fake("head")}
    for is_first in (True, False):
        pair = run_pair(launches, quick_plan, random.Random(0), is_first=is_first)
        assert [side.facts["counted"] for side in pair.sides.values()] == [is_first, is_first]


def test_the_ratio_is_that_of_a_comparison(fake: Fake, quick_plan: PairPlan) -> None:
    """Head takes twice as long, so ln(head / base) of the images per second is -ln 2."""
    pair = run_pair({"base": fake("base"), "head": fake("head", step_seconds=0.02)}, quick_plan, random.Random(0))
    assert log_ratio_of(pair) == pytest.approx(-0.693147, abs=1e-6)


@pytest.mark.parametrize("step_seconds", [0.0, -0.01, float("nan")])
def test_a_clock_that_steps_backwards_is_no_speed(fake: Fake, quick_plan: PairPlan, step_seconds: float) -> None:
    """A time that is none ends the pair, rather than making head look infinitely fast."""
    with pytest.raises(SidesFailed, match="head measured"):
        run_pair({"base": fake("base"), "head": fake("head", step_seconds=step_seconds)}, quick_plan, random.Random(0))


def test_a_side_that_refuses_is_told_from_one_that_breaks(fake: Fake, quick_plan: PairPlan) -> None:
    """An old base that lacks a setting is named, with what it says."""
    launches = {"base": fake("base", mode="refuse"), "head": fake("head", mode="fail")}
    with pytest.raises(SidesFailed) as caught:
        run_pair(launches, quick_plan, random.Random(0))
    said = {role: (one.kind, one.message) for role, one in caught.value.refusals.items()}
    assert said["base"] == ("refused", "ConfigError: unknown setting 'training.shiny'")
    assert said["head"][0] == "broken"


def test_a_check_sees_both_sides_before_anything_runs(fake: Fake, log: Log, quick_plan: PairPlan) -> None:
    """What a side says of its code is looked at before a step is taken."""

    def refuse(name: str, ready: object) -> None:
        raise NotComparable(f"{name} runs other code")

    with pytest.raises(NotComparable, match="runs other code"):
        run_pair({"base": fake("base"), "head": fake("head")}, quick_plan, random.Random(0), check=refuse)
    assert not [line for line in log() if "begins" in line]


def test_only_shared_phases_are_compared(fake: Fake, quick_plan: PairPlan) -> None:
    """A phase that one version lacks has nothing to be compared with."""
    phases = {"base": {"d": 1.0, "g": 2.0}, "head": {"d": 1.0}}
    launches = {role: fake(role, facts={"phase_milliseconds": found}) for role, found in phases.items()}
    assert phases_of(list(run_pair(launches, quick_plan, random.Random(0)).sides.values())) == ["d"]

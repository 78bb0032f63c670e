"""The worker itself: a real pair of tiny networks, and its parts with a clock that the test moves."""

from __future__ import annotations

import random
import types
from pathlib import Path
from typing import Any

import pytest

from ganbench_gate import side_process as worker
from ganbench_gate.lockstep import PairPlan, PairResult, run_pair
from ganbench_gate.side import Side, make_launch

ROOT = Path(__file__).parents[2]
EXACT = ("generator_parameters", "discriminator_parameters", "data_hash", "what", "from_tree")
EXACT_FACTS = ("trajectory_hash", "trajectory_steps", "op_count", "checkpoint_bytes", "optimizer_numbers", "flops_per_iteration")


@pytest.fixture(scope="module")
def pair() -> PairResult:
    """Return a real pair of this checkout with itself; head is slowed down."""
    widths = dict.fromkeys(("architecture.options.generator_width", "architecture.options.discriminator_width"), 8)
    settings = {"training.batch_size": 4, "training.device": "cpu", **widths}
    sides = {"base": Side(name="base", plugin="dcgan", settings=settings, tree=ROOT)}
    sides["head"] = Side(name="head", plugin="dcgan", settings=settings, tree=ROOT, slowdown=0.5)
    launches = {role: make_launch(role, side, threads=1) for role, side in sides.items()}
    plan = PairPlan(block_seconds=0.01, pair_seconds=0.0, warmup_seconds=0.0, first_steps=3)
    return run_pair(launches, plan, random.Random(0), is_first=True)


@pytest.mark.slow
def test_the_same_code_gives_the_same_facts(pair: PairResult) -> None:
    """Parameters, data, losses, operators, bytes and FLOPs agree, whatever the speed."""
    base, head = pair.sides["base"], pair.sides["head"]
    assert {name: base.ready[name] for name in EXACT} == {name: head.ready[name] for name in EXACT}
    assert {name: base.facts[name] for name in EXACT_FACTS} == {name: head.facts[name] for name in EXACT_FACTS}
    assert all(base.facts[name] for name in EXACT_FACTS)
    assert base.facts["trajectory_steps"] == 3


@pytest.mark.slow
def test_the_facts_are_plausible(pair: PairResult) -> None:
    """The tree's own code was run, and memory, phases and speeds were measured."""
    for side in pair.sides.values():
        assert side.ready["ganbench"] == str(ROOT / "ganbench")
        assert {"ganbench", "ganbench_dcgan"} <= set(side.ready["from_tree"])
        assert side.ready["foreign"] == []
        assert set(side.ready["made_by"]) == {"ganbench", "ganbench_dcgan"}
        assert side.facts["peak_rss_mib"] > 50
        assert len(side.samples_per_second) == 6
        assert min(side.samples_per_second) > 0
        assert all(value > 0 for value in side.facts["phase_milliseconds"].values())


class Clock:
    """Each look at it takes a hundredth of a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 0.01
        return self.now


def made(clock: Clock, slowdown: float, *, on_gpu: bool = False) -> worker.SideTraining:
    """Return a worker's work whose steps take a second of a clock."""

    def step(iteration: int) -> None:
        clock.now += 1.0

    work: Any = object.__new__(worker.SideTraining)
    work._runner = types.SimpleNamespace(run=step, name="eager")
    work._algorithm = types.SimpleNamespace(set_progress=lambda seen: None, samples_shown=lambda iteration: 64)
    work._slowdown, work._on_gpu, work._wait = slowdown, on_gpu, lambda: None
    work._seen = work._done = 0
    work._counted_step = -1
    return work  # type: ignore[no-any-return]


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize("slowdown", [0.0, 0.1, 0.5])
def test_an_injected_slowdown_is_proportional(monkeypatch: pytest.MonkeyPatch, slowdown: float, on_gpu: bool) -> None:
    """A step of a second takes 1.1 s with 10 percent, on a CPU step by step and on a GPU block by block."""
    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)
    block = made(clock, slowdown, on_gpu=on_gpu).run(10)
    assert block["images"] == 640
    assert block["seconds"] == pytest.approx(10 * (1 + slowdown), rel=0.06)


def test_the_counted_step_has_all_phases() -> None:
    """A penalty that comes every fourth step is counted too."""
    lazy = types.SimpleNamespace(plan=lambda step: ("d", "penalty") if step % 4 == 0 else ("d",))
    never_again = types.SimpleNamespace(plan=lambda step: ("d", "penalty") if step == 0 else ("d",))
    assert worker.counted_step(lazy) == 4
    assert worker.counted_step(never_again) == 0


@pytest.mark.parametrize(("error", "usage"), [(ImportError("no ganbench.run.build"), True), (RuntimeError("broken"), False)])
def test_what_a_version_lacks_is_told_from_what_is_broken(error: Exception, usage: bool) -> None:
    """A missing module means that the version is too old to be measured."""
    assert worker.is_usage(error) is usage

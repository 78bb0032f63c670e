"""Seeds of both sides that are trained in turns, and what their quality says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import small_gan

from ganbench import Policy, RunRecord, WorkerFailed
from ganbench_gate import seeds
from ganbench_gate.lockstep import BASE, HEAD, PairResult, SideResult
from ganbench_gate.seeds import SeedPlan, choose_kimg, judge_seeds, train_seeds
from ganbench_gate.side import Side, SidesFailed

Records = Callable[..., list[RunRecord]]


@pytest.fixture
def records(make_record: Callable[..., RunRecord], make_value: Callable[..., Any]) -> Records:
    """Return a builder of one run for each value of quality, one seed after the other."""

    def build(*values: float, hash: str = "") -> list[RunRecord]:
        made = []
        for seed, value in enumerate(values):
            record = make_record(run_id=f"{hash}-s{seed}", seed=seed)
            evaluations = (dataclasses.replace(record.evaluations[-1], values=(make_value(value),)),)
            work = dataclasses.replace(record.work, trajectory_hash=f"{hash}{seed}")
            made.append(dataclasses.replace(record, evaluations=evaluations, work=work))
        return made

    return build


def test_a_worse_head_regresses_and_the_power_is_told(records: Records) -> None:
    """Five seeds against five, half as good again: past the margin by ranks. What such a test can see stands beside it."""
    sides = {BASE: records(10.0, 10.2, 10.4, 10.1, 10.3), HEAD: records(15.0, 15.2, 15.4, 15.1, 15.3, hash="other")}
    (found,), (note,) = judge_seeds(sides, Policy())
    assert (found.tier, found.state, found.gate) == ("quality", "regressed", "fail")
    assert note.startswith("quality: 5 seeds a side of ")
    assert "the margin is 10%, and a worsening of " in note
    assert "would be seen 4 times in 5" in note


def test_a_head_that_is_as_good_is_not_worse(records: Records) -> None:
    """The whole interval lies within the margin."""
    values = (10.0, 10.2, 10.4, 10.1, 10.3)
    (found,), _ = judge_seeds({BASE: records(*values), HEAD: records(*values, hash="other")}, Policy())
    assert (found.state, found.not_worse) == ("unchanged", True)


def test_scattered_seeds_decide_nothing(records: Records) -> None:
    """And the smallest worsening that would be seen is more than the margin."""
    values = (5.0, 10.0, 20.0, 15.0)
    (found,), _ = judge_seeds({BASE: records(*values), HEAD: records(*values, hash="other")}, Policy())
    assert found.state == "inconclusive"
    assert found.smallest_visible is not None
    assert found.smallest_visible > found.threshold


def measured(speed: float, kimg: float = 80.0) -> PairResult:
    side = SideResult(samples_per_second=[speed] * 6, fingerprint={"kimg": kimg})
    return PairResult(sides={BASE: side, HEAD: side}, spawn_order=(BASE, HEAD))


@pytest.mark.parametrize(
    ("plan", "speed", "kimg"),
    [
        (SeedPlan(num_seeds=5, seconds=300.0), 500.0, 12.0),
        (SeedPlan(num_seeds=5, seconds=30000.0), 500.0, 80.0),
        (SeedPlan(num_seeds=5, kimg=7.5), 500.0, 7.5),
    ],
    ids=["what fits", "no more than the plugin's", "as given"],
)
def test_the_budget_is_what_the_time_allows(plan: SeedPlan, speed: float, kimg: float) -> None:
    """Ten runs in 300 s, four fifths of it for training, at 500 images a second: 12 kimg each."""
    assert choose_kimg(plan, [measured(speed)]) == kimg


class FakeWorker:
    """Notes who is started, and answers that the run is complete; a launch whose name holds ``broken`` dies."""

    started: ClassVar[list[Any]] = []

    def __init__(self, launch: Any) -> None:
        self.launch = launch
        self.started.append(launch)

    def answer(self, what: str, seconds: float) -> str:
        """Return the answer."""
        if self.launch.job["plugin"] == "broken":
            raise WorkerFailed("it died", ("last words",))
        return "complete"

    def close(self) -> None:
        """Do nothing."""


def test_seeds_are_paired_and_who_comes_first_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Base and head of a seed follow each other with equal settings: A B, B A, A B, B A."""
    monkeypatch.setattr(seeds, "Worker", FakeWorker)
    monkeypatch.setattr(seeds, "load", lambda folder: SimpleNamespace(record=folder))
    monkeypatch.setattr(FakeWorker, "started", [])
    sides = {BASE: Side(name="old", plugin="a"), HEAD: Side(name="new", plugin="a", settings={"training.batch_size": 8})}
    train_seeds(SeedPlan(num_seeds=4), sides, tmp_path, lambda said: None, kimg=2.0, threads=1)
    order = [launch.name.split(",")[0] for launch in FakeWorker.started]
    assert order == [BASE, HEAD, HEAD, BASE, BASE, HEAD, HEAD, BASE]
    jobs = [launch.job["settings"] for launch in FakeWorker.started]
    assert [job["training.seed"] for job in jobs] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {(job["training.total_kimg"], job["evaluation.every_kimg"]) for job in jobs} == {(2.0, 2.0)}


def test_a_run_that_dies_breaks_its_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what it said last."""
    monkeypatch.setattr(seeds, "Worker", FakeWorker)
    monkeypatch.setattr(seeds, "load", lambda folder: SimpleNamespace(record=folder))
    sides = {BASE: Side(name="old", plugin="a"), HEAD: Side(name="new", plugin="broken")}
    with pytest.raises(SidesFailed) as caught:
        train_seeds(SeedPlan(num_seeds=4), sides, tmp_path, lambda said: None, kimg=2.0, threads=1)
    assert caught.value.refusals[HEAD].last_words == ("last words",)


@pytest.mark.slow
def test_a_seed_is_trained_and_measured_by_the_first_metric(tmp_path: Path) -> None:
    """In a process of its own, to the end of the given budget."""
    settings = {"dataset.name": "ring8", "training.device": "cpu"}
    side = Side(name="now", plugin=f"{small_gan.__file__}:SPEC", settings=settings, tree=Path(small_gan.__file__).parent)
    stored = seeds._train(BASE, side, tmp_path / "run", 3, 1.0, 1, ())
    assert (stored.record.status, stored.record.seed, stored.record.work.samples_seen) == ("complete", 3, 1000)
    assert stored.record.metric_names[0] == "modes2500_points"

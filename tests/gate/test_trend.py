"""From a history to a verdict: series, the newest part, what is undone and what is accepted."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ganbench import to_json
from ganbench.record.record import RunRecord
from ganbench_gate.accept import Accept
from ganbench_gate.history import add_record, read_history
from ganbench_gate.series import series_of
from ganbench_gate.trend import Trend, TrendSeries, follow

MakeHistory = Callable[..., Path]
MakeRun = Callable[..., RunRecord]


def commit_of(day: int) -> str:
    """Return the commit that the fixtures give a day."""
    return f"{day + 1:06x}abcdef"


def level(mean: float, count: int, seed: int = 0) -> list[float]:
    """Return values around a level, with 2 percent of noise."""
    chance = random.Random(f"{mean}-{seed}")
    return [mean * chance.gauss(1, 0.02) for _ in range(count)]


def trend_of(folder: Path, accepts: Sequence[Accept] = (), **settings: Any) -> Trend:
    return follow(series_of(read_history(folder).entries), accepts, **settings)


def one(trend: Trend, metric: str = "samples_per_second") -> TrendSeries:
    (series,) = [series for series in trend.series if series.metric == metric]
    return series


def test_steady_speed_passes(make_history: MakeHistory) -> None:
    """No step, exit code 0; each metric of the cell is a series."""
    trend = trend_of(make_history(level(1000, 30)))
    assert (trend.exit_code, trend.failures) == (0, ())
    assert [series.metric for series in trend.series] == [
        "samples_per_second",
        "peak_memory_mib",
        "generator_parameters",
        "discriminator_parameters",
        "flops_per_iteration",
        "fd1k_digits",
    ]
    assert not any(series.steps or series.reason for series in trend.series)


def test_a_slowdown_fails_at_its_commit(make_history: MakeHistory) -> None:
    """In the metric's own terms: images per second fall by a fifth."""
    trend = trend_of(make_history(level(1000, 25) + level(800, 8)))
    ((series, step),) = trend.failures
    assert (trend.exit_code, series.metric, step.state) == (1, "samples_per_second", "worse")
    assert abs(step.index - 25) <= 1
    assert step.commit == commit_of(step.index)
    assert step.change == pytest.approx(-0.2, abs=0.03)
    assert (step.before, step.after) == (pytest.approx(1000, rel=0.03), pytest.approx(800, rel=0.03))


def test_nightly_runs_of_one_name_are_all_points(tmp_path: Path, make_run: MakeRun) -> None:
    """A job writes into one folder each night, and the commits since have changed no source of the run."""
    for day, speed in enumerate(level(1000, 25) + level(800, 8)):
        add_record(tmp_path, make_run(day, speed=speed, run_id="nightly"), commit_of(day))
    assert len(one(trend_of(tmp_path)).points) == 33
    assert trend_of(tmp_path).exit_code == 1


def test_a_speedup_passes(make_history: MakeHistory) -> None:
    """More images per second are better."""
    trend = trend_of(make_history(level(800, 25) + level(1000, 8)))
    assert [step.state for step in one(trend).steps] == ["better"]
    assert trend.exit_code == 0


def test_less_quality_fails_and_more_passes(tmp_path: Path, make_run: MakeRun) -> None:
    """A distance is better where it is lower."""
    values = level(12.0, 20) + level(20.0, 8) + level(8.0, 8)
    for day, value in enumerate(values):
        add_record(tmp_path, make_run(day, quality=value), commit_of(day))
    assert [step.state for step in one(trend_of(tmp_path), "fd1k_digits").steps] == ["worse", "better"]


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize(("after", "code"), [(8, 1), (19, 1), (20, 1), (25, 0)])
def test_the_newest_part_is_the_newest_twenty_commits(make_history: MakeHistory, after: int, code: int) -> None:
    """A step whose first commit is older is told, and fails no more."""
    trend = trend_of(make_history([1000.0, 1001.0] * 10 + [700.0, 701.0] * (after // 2) + [700.0] * (after % 2)))
    (step,) = one(trend).steps
    assert (step.index, step.is_newest, trend.exit_code) == (20, code == 1, code)
    assert trend_of(make_history([]), newest=after).exit_code == 1  # the same history, with a part of this size


def test_a_step_that_was_undone_fails_no_more(make_history: MakeHistory) -> None:
    """The newest level counts: slower, and then as fast as before."""
    trend = trend_of(make_history(level(1000, 20) + level(700, 8) + level(1000, 8, seed=1)))
    assert [(step.state, step.undone, step.fails) for step in one(trend).steps] == [("worse", True, False), ("better", True, False)]
    assert trend.exit_code == 0


def test_a_step_that_was_half_undone_still_fails(make_history: MakeHistory) -> None:
    """Better than at its worst, and still worse than before."""
    trend = trend_of(make_history(level(1000, 20) + level(500, 8) + level(750, 8)))
    assert [(step.state, step.fails) for step in one(trend).steps] == [("worse", True), ("better", False)]
    assert trend.exit_code == 1


@pytest.mark.parametrize("cell", ["dcgan digits", ""])
@pytest.mark.parametrize("levels", [(1000.0, 800.0), (960.0, 830.0)])
def test_an_accepted_step_is_shown_and_does_not_fail(make_history: MakeHistory, cell: str, levels: tuple[float, float]) -> None:
    """By the cell's name or id, and by both levels, which have noise."""
    history = make_history([1000.0, 1001.0] * 10 + [800.0] * 8)
    name = cell or trend_of(history).series[0].cell_id
    accept = Accept(metric="samples_per_second", cell=name, before=levels[0], after=levels[1], reason="larger batches")
    trend = trend_of(history, [accept])
    (step,) = one(trend).steps
    assert (step.accepted, step.fails, trend.exit_code, trend.notes) == ("larger batches", False, 0, ())


@pytest.mark.parametrize(
    "change", [{"metric": "peak_memory_mib"}, {"cell": "other digits"}, {"before": 800.0, "after": 1000.0}, {"after": 600.0}]
)
def test_an_accepted_change_of_something_else_accepts_nothing(make_history: MakeHistory, change: dict[str, Any]) -> None:
    """Metric, cell and both values must all fit; what fits nothing is told."""
    fields: dict[str, Any] = {"metric": "samples_per_second", "cell": "dcgan digits", "before": 1000.0, "after": 800.0, "reason": "x"}
    trend = trend_of(make_history([1000.0, 1001.0] * 10 + [800.0] * 8), [Accept(**{**fields, **change})])
    assert trend.exit_code == 1
    assert "an accepted change fits no step" in trend.notes[0]


def test_one_entry_accepts_what_changes_with_its_metric(tmp_path: Path, make_run: MakeRun) -> None:
    """At the same commit; operations that grow again later are another change."""
    work = make_run(0).work
    for day, flops in enumerate((10**9, 1_100_000_000, 1_200_000_000)):
        generator = 1000 if day else 900
        run = make_run(day, flops=flops)
        counts = dataclasses.replace(run.work, parameters={**work.parameters, "generator": generator})
        add_record(tmp_path, dataclasses.replace(run, work=counts), commit_of(day))
    wider = Accept(
        metric="generator_parameters", cell="dcgan digits", before=900, after=1000, reason="wider", also=("flops_per_iteration",)
    )
    trend = trend_of(tmp_path, [wider])
    assert [step.accepted for step in one(trend, "generator_parameters").steps] == ["wider"]
    assert [step.accepted for step in one(trend, "flops_per_iteration").steps] == ["wider", ""]


def test_a_count_fails_at_once(tmp_path: Path, make_run: MakeRun) -> None:
    """Operations have no noise: the second commit is enough."""
    for day, flops in enumerate((10**9, 1_100_000_000)):
        add_record(tmp_path, make_run(day, flops=flops), commit_of(day))
    trend = trend_of(tmp_path)
    ((series, step),) = trend.failures
    assert (series.metric, step.before, step.after, step.commit) == ("flops_per_iteration", 1e9, 1.1e9, commit_of(1))


def test_what_must_stay_equal_is_worse_either_way(tmp_path: Path, make_run: MakeRun, make_record: MakeRun) -> None:
    """Fewer parameters are another model; the same number again undoes it, unless the change was intended."""
    work = make_record().work
    fewer = dataclasses.replace(work, parameters={**work.parameters, "generator": 1000})
    for day, counts in enumerate((work, fewer)):
        add_record(tmp_path, dataclasses.replace(make_run(day), work=counts), commit_of(day))
    assert [series.metric for series, _ in trend_of(tmp_path).failures] == ["generator_parameters"]
    add_record(tmp_path, dataclasses.replace(make_run(2), work=work), commit_of(2))
    assert [step.undone for step in one(trend_of(tmp_path), "generator_parameters").steps] == [True, True]
    accept = Accept(
        metric="generator_parameters", cell="dcgan digits", before=work.parameters["generator"], after=1000, reason="a smaller model"
    )
    assert [step.fails for step in one(trend_of(tmp_path, [accept]), "generator_parameters").steps] == [False, True]


def test_machines_and_cells_and_evaluation_keys_are_series_of_their_own(tmp_path: Path, make_run: MakeRun) -> None:
    """Values of two machines, two batch sizes or two ways to measure are never in one series."""
    changes = ({}, {"hardware": {"cpu_cores": 64}}, {"work": {"training.batch_size": 8}}, {"metric": {"evaluation_key": "other"}})
    for day in range(8):
        add_record(tmp_path, make_run(day, **dict(changes[day % 4])), commit_of(day))
    series = trend_of(tmp_path).series
    speeds = [one for one in series if one.metric == "samples_per_second"]
    assert sorted(len(one.points) for one in speeds) == [2, 2, 4]
    assert len({one.hardware_key for one in speeds}) == 2
    assert sorted(len(one.points) for one in series if one.metric == "fd1k_digits") == [2, 2, 2, 2]


def test_a_new_setting_does_not_cut_a_series(tmp_path: Path, make_run: MakeRun) -> None:
    """A later version that has one more setting goes on with the cell that it agrees with."""
    for day in range(6):
        work = {"training.new_setting": 0} if day >= 3 else {}
        add_record(tmp_path, make_run(day, work=work), commit_of(day))
    assert len(one(trend_of(tmp_path)).points) == 6


def test_the_runs_of_one_commit_are_one_point(tmp_path: Path, make_run: MakeRun) -> None:
    """They share what the machine was doing: the point is their median. Edited sources are a point for each run."""
    for seed, speed in enumerate((900.0, 1000.0, 1300.0)):
        add_record(tmp_path, make_run(0, seed=seed, speed=speed), commit_of(0))
        add_record(tmp_path, make_run(1, seed=seed, speed=speed), commit_of(1) + "+dirty")
    points = one(trend_of(tmp_path)).points
    assert [(point.value, len(point.runs)) for point in points] == [(1000.0, 3), (900.0, 1), (1000.0, 1), (1300.0, 1)]


def test_diverged_runs_count_as_the_worst_quality(tmp_path: Path, make_run: MakeRun) -> None:
    """Six commits that diverge are a step for the worse, though none of them has a value."""
    for day in range(26):
        status = "diverged" if day >= 20 else "complete"
        add_record(tmp_path, make_run(day, quality=12 + day % 3, status=status), commit_of(day))
    trend = trend_of(tmp_path)
    (step,) = one(trend, "fd1k_digits").steps
    assert (step.index, step.fails) == (20, True)
    assert math.isnan(step.after)
    assert len(one(trend).points) == 20


def test_a_run_of_two_machines_is_no_point_of_speed(tmp_path: Path, make_run: MakeRun) -> None:
    """Its times are a mixture; its quality counts."""
    add_record(tmp_path, make_run(0), commit_of(0))
    add_record(tmp_path, make_run(1, notes=("resumed on another machine: times and speed are a mixture of both",)), commit_of(1))
    trend = trend_of(tmp_path)
    assert (len(one(trend).points), len(one(trend, "fd1k_digits").points)) == (1, 2)


@pytest.mark.parametrize("after", [0.01, 5.0])
def test_values_without_a_logarithm_are_judged_by_their_spread(tmp_path: Path, make_run: MakeRun, after: float) -> None:
    """A kernel distance may be below 0: noise around it is no step, and a level far from it is one."""
    for day in range(24):
        noise = (-0.02, 0.01, 0.0, 0.02, -0.01)[day % 5]
        add_record(tmp_path, make_run(day, quality=noise + (after if day >= 16 else 0.0)), commit_of(day))
    series = one(trend_of(tmp_path), "fd1k_digits")
    assert series.reason == ""
    assert [(step.index, step.state, step.fails) for step in series.steps] == ([(16, "worse", True)] if after > 1 else [])


def test_a_clock_that_steps_back_changes_the_order_and_nothing_else(tmp_path: Path, make_run: MakeRun) -> None:
    """Points are in the order of the runs' own times."""
    for day in (2, 0, 1):
        add_record(tmp_path, make_run(day, speed=1000.0 + day), commit_of(day))
    assert [point.value for point in one(trend_of(tmp_path)).points] == [1000.0, 1001.0, 1002.0]


def test_software_that_changed_with_a_step_is_named(tmp_path: Path, make_run: MakeRun) -> None:
    """The first suspect stands beside the step."""
    for day in range(28):
        software = {"torch": "2.16.0"} if day >= 20 else {}
        add_record(tmp_path, make_run(day, speed=(1000 if day < 20 else 800) + day % 2, software=software), commit_of(day))
    (step,) = one(trend_of(tmp_path)).steps
    assert [(d.field, d.base, d.head) for d in step.differences] == [("torch", "2.15.0", "2.16.0")]


@pytest.mark.parametrize(
    ("count", "metrics", "code"), [(1, (), 5), (2, (), 0), (2, ("samples_per_second",), 5), (12, ("samples_per_second",), 0)]
)
def test_too_short_a_history_is_nothing_to_look_at(make_history: MakeHistory, count: int, metrics: tuple[str, ...], code: int) -> None:
    """Exit code 5, never 0; counts need two commits, what has noise needs twelve."""
    trend = trend_of(make_history(level(1000, count)), metrics=metrics)
    assert trend.exit_code == code
    assert one(trend).reason == ("" if count == 12 else f"{count} of 12 commits")


def test_json_holds_everything(make_history: MakeHistory) -> None:
    """Valid JSON with a schema, points, steps and the exit code."""
    trend = trend_of(make_history(level(1000, 20) + level(700, 6)), history="h")
    data = json.loads(to_json(trend), parse_constant=pytest.fail)
    assert (data["schema"], data["schema_version"], data["history"], data["exit_code"]) == ("ganbench-trend", 1, "h", 1)
    (step,) = data["series"][0]["steps"]
    assert (step["state"], step["fails"], step["commit"]) == ("worse", True, commit_of(20))
    assert len(data["series"][0]["points"]) == 26

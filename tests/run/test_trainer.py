"""What happens between two steps: cadences, the clock, hooks, divergence; and that none of it changes a weight."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.errors import Diverged, Interrupted, RunFailed
from ganbench.evaluation.evaluator import Evaluator
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.record.events import read_events
from ganbench.record.find import load_run
from ganbench.run import clock, lifecycle, trainer
from ganbench.run.lifecycle import Run
from ganbench.training.eager_runner import EagerRunner

Weights = dict[str, torch.Tensor]


def moments(run: Any) -> list[int]:
    return [e.samples_seen for e in run.record.evaluations]


@pytest.mark.slow
@pytest.mark.parametrize(("every_kimg", "expected"), [(0.1, [0, 120, 216, 240]), (0.0, [0, 72, 120, 192, 240]), (1.0, [0, 240])])
def test_evaluations_come_at_their_cadence(trained: Callable[..., Any], every_kimg: float, expected: list[int]) -> None:
    """Before the first step, at the first step that reaches a multiple, and at the end; 0 divides the budget into four."""
    run = trained({"evaluation.every_kimg": every_kimg})
    assert moments(run) == expected
    assert [e["samples_seen"] for e in read_events(run.directory.events_path, "evaluation")] == expected
    assert [int(p.stem) for p in sorted(run.directory.samples_path.iterdir())] == expected


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize(
    "settings",
    [
        {"evaluation.every_kimg": 0.03},
        {"evaluation.metrics": ()},
        {"evaluation.metrics": ("fd200_digits", "cs100_digits")},
        {"evaluation.samples_every_kimg": 0.03, "evaluation.grid_size": 4},
        {"checkpoint.every_kimg": 0.03},
    ],
    ids=lambda s: "-".join(s),
)
@pytest.mark.parametrize("conditional", [False, True])
def test_looking_more_often_changes_no_weight(
    trained: Callable[..., Any],
    weights: Callable[[Any], Weights],
    changed: Callable[[Weights, Weights], list[str]],
    settings: dict[str, Any],
    conditional: bool,
) -> None:
    """Evaluation, pictures and checkpoints have random streams of their own."""
    kind = {"architecture.options.conditional": conditional}
    assert changed(weights(trained(kind)), weights(trained(kind | settings))) == []


@pytest.mark.slow
def test_a_longer_evaluation_sees_the_same_first_samples(trained: Callable[..., Any]) -> None:
    """The same latents at each moment of training, whatever else is measured."""
    alone, beside = trained(), trained({"evaluation.metrics": ("fd100_digits", "cs200_digits"), "evaluation.batch_size": 250})
    first = [[v.value for v in e.values if v.name == "fd100_digits"] for e in alone.record.evaluations]
    second = [[v.value for v in e.values if v.name == "fd100_digits"] for e in beside.record.evaluations]
    assert second == [pytest.approx(values, rel=1e-4) for values in first]


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the clock's time by a number that only these tests move: an iteration takes 1, an evaluation 100, a picture 10,000."""
    now = [0.0]

    def taking(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any, **keywords: Any) -> Any:
            now[0] += seconds
            return function(*arguments, **keywords)

        return slow

    monkeypatch.setattr(clock, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(EagerRunner, "run", taking(1, EagerRunner.run))
    monkeypatch.setattr(Evaluator, "evaluate", taking(100, Evaluator.evaluate))
    monkeypatch.setattr(trainer, "save_picture", taking(10_000, trainer.save_picture))
    monkeypatch.setattr(trainer, "save_checkpoint", taking(1_000_000, trainer.save_checkpoint))
    return now


@pytest.mark.slow
def test_the_training_clock_stands_still_for_everything_else(fake_time: list[float], trained: Callable[..., Any]) -> None:
    """Ten iterations, four evaluations and pictures, three checkpoints."""
    record = trained().record
    timing = record.timing
    assert timing.training_seconds == 10
    assert timing.evaluation_seconds == 400
    assert timing.sampling_seconds == 40_000
    assert timing.checkpoint_seconds == 3_000_000
    assert record.throughput.samples_per_second == 240 / 10
    assert record.throughput.seconds_per_kimg == pytest.approx(1000 / 24)
    assert [e.training_seconds for e in record.evaluations] == [0, 5, 9, 10]


@pytest.mark.slow
def test_without_evaluation_there_are_still_pictures(trained: Callable[..., Any]) -> None:
    """``--no-eval`` measures speed only."""
    run = trained({"evaluation.metrics": ()})
    record = run.record
    assert (record.evaluations, record.keys.evaluation, record.timing.evaluation_seconds) == ((), (), 0)
    assert len(list(run.directory.samples_path.iterdir())) == 4
    assert record.throughput.samples_per_second > 0


@pytest.mark.slow
def test_each_iteration_shows_d_steps_batches(trained: Callable[..., Any]) -> None:
    """samples_seen counts real images into the discriminator, generator_steps the other side; the last step may pass the budget."""
    run = trained({"training.d_steps": 3, "training.total_kimg": 0.2, "evaluation.metrics": ()})
    work = run.record.work
    assert (work.samples_seen, work.generator_steps) == (216, 3)
    progress = list(read_events(run.directory.events_path, "progress"))
    assert [(p["samples_seen"], p["generator_steps"]) for p in progress] == [(72, 1), (144, 2), (216, 3)]
    assert run.materials.algorithm.state_dict()["sampler"]["position"] == 216


HOOKS = """
from ganbench import hookimpl

steps, evaluations, runs, records = [], [], [], []

@hookimpl
def ganbench_before_run(event):
    runs.append((event.name, event.directory))

@hookimpl
def ganbench_after_step(samples_seen, generator_steps):
    steps.append((samples_seen, generator_steps))

@hookimpl
def ganbench_after_evaluation(event):
    evaluations.append(event.evaluation)

@hookimpl
def ganbench_after_run(event):
    records.append(event.record)

@hookimpl
def ganbench_environment():
    return {"job": "17"}
"""


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """Install a distribution that watches a run, and return its module."""
    site, name = tmp_path / "site", "ganbench_watching_plugin"
    (site / "watching-1.0.dist-info").mkdir(parents=True)
    (site / f"{name}.py").write_text(HOOKS)
    (site / "watching-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: watching\nVersion: 1.0\n")
    (site / "watching-1.0.dist-info" / "entry_points.txt").write_text(f"[ganbench]\nwatching = {name}\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)
    yield __import__(name)
    sys.modules.pop(name)


@pytest.mark.slow
def test_hooks_follow_the_run(watching: Any, trained: Callable[..., Any]) -> None:
    """Each step, each evaluation, the beginning and the record."""
    run = trained(manager=PluginManager())
    record = run.record
    assert watching.runs == [("dcgan", run.directory.path)]
    assert watching.steps == [(24 * i, i) for i in range(1, 11)]
    assert watching.evaluations == list(record.evaluations)
    assert watching.records == [record]
    assert "watching: 17" in " ".join(record.notes) or "job: 17" in record.notes


@pytest.mark.slow
def test_hooks_hear_of_an_early_end(watching: Any, trained: Callable[..., Any]) -> None:
    """The record of an interrupted run is the partial one."""
    with pytest.raises(Interrupted):
        trained({"evaluation.metrics": ()}, manager=PluginManager(), should_stop=lambda: len(watching.steps) == 3)
    (record,) = watching.records
    assert (record.status, record.work.generator_steps) == ("interrupted", 3)
    (_, directory), *_ = watching.runs
    assert load_run(directory) == record


def test_a_run_stops_between_two_steps_with_a_checkpoint(trained: Callable[..., Any], new_run: Callable[..., Run]) -> None:
    """Asked before the first step, and after each; the partial record says how far it came."""
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Interrupted, match=r"interrupted at 0\.1 of 0\.2 kimg"):
        trained({"evaluation.metrics": ()}, should_stop=stop)


def statistics(**changes: float) -> dict[str, float]:
    names = ("discriminator_loss", "generator_loss", "real_logits", "fake_logits", "abs_logits", "penalty")
    return dict.fromkeys(names, 0.5) | changes


@pytest.mark.slow(keep=4)
@pytest.mark.parametrize("name", list(statistics()))
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_statistic_that_is_not_finite_ends_the_run(
    trained: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """Whichever it is; the record says which, and where."""
    from ganbench.training.adversarial import AdversarialAlgorithm

    monkeypatch.setattr(AdversarialAlgorithm, "read_statistics", lambda _: statistics(**{name: value}))
    run = trained({"evaluation.metrics": ()})
    record = run.record
    assert (record.status, record.work.samples_seen) == ("diverged", 24)
    assert record.status_detail == f"{name} became {value} at 0.0 kimg; try a lower learning rate or another loss"
    (line,) = read_events(run.directory.events_path, "progress")
    assert str(line[name]) == str(value)
    assert json.loads(run.directory.record_path.read_text())["status"] == "diverged"


@pytest.mark.parametrize(("bound", "status"), [(100.0, "diverged"), (0.0, "complete"), (1e4, "complete")])
def test_the_bound_on_the_logits_is_the_users(
    trained: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, bound: float, status: str
) -> None:
    """0 turns the check off."""
    from ganbench.training.adversarial import AdversarialAlgorithm

    monkeypatch.setattr(AdversarialAlgorithm, "read_statistics", lambda _: statistics(abs_logits=101.0))
    run = trained({"evaluation.metrics": (), "training.max_abs_logit": bound})
    assert run.record.status == status


def test_features_that_are_not_finite_are_divergence_too(trained: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation may see it before the losses are read."""

    def diverging(*_: Any) -> Any:
        raise Diverged("the features hold NaN")

    monkeypatch.setattr(Evaluator, "evaluate", diverging)
    record = trained().record
    assert (record.status, record.status_detail, record.work.samples_seen) == ("diverged", "the features hold NaN", 0)


def _started(run: Any, folder: Path) -> Any:
    return run.start(lambda _: RunDirectory.create(folder, name="run", dataset="digits", seed=0))


@pytest.mark.slow
def test_hooks_are_told_of_every_ending(
    watching: Any, new_run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opened something as a run began can close it: of a run that failed, was interrupted, or could not even start its runner."""

    def fail(*_: Any) -> None:
        raise RunFailed("nothing goes")

    interrupted = new_run(manager=PluginManager(), should_stop=lambda: True)
    with pytest.raises(Interrupted):
        _started(interrupted, tmp_path / "a")
    failed = new_run(manager=PluginManager())
    monkeypatch.setattr(failed.materials.algorithm, "set_progress", fail)
    with pytest.raises(RunFailed):
        _started(failed, tmp_path / "b")
    unstarted = new_run(manager=PluginManager())
    monkeypatch.setattr(lifecycle, "start_runner", fail)
    with pytest.raises(RunFailed):
        _started(unstarted, tmp_path / "c")
    assert [(record.status, record.status_detail) for record in watching.records[1:]] == 2 * [("failed", "nothing goes")]
    assert watching.records[0].status == "interrupted"
    assert len(watching.runs) == 3

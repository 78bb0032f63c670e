"""A run that pages steer: what they ask is done between two steps, and looking changes not a bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench import ConfigError, Ended, Event, GanbenchError, Message, Phase, Started, read_events
from ganbench_reporters import steering
from ganbench_reporters.alone import update_of, updates_alone
from ganbench_reporters.steering import Steering, Training

SETTINGS = {
    "training.device": "cpu",
    "training.threads": 1,
    "training.batch_size": 20,
    "generator_optimizer.schedule": "linear",
    "checkpoint.every_kimg": 10.0,
}


class Listener:
    """Changes a learning rate after the third of ten steps, with a page that looks at each and then goes, or without one."""

    def __init__(self, ends_at: int = 0, watched: bool = False) -> None:
        self.ends_at, self.is_watched = ends_at, watched
        self.messages: list[str] = []
        self.views: list[dict[str, Any]] = []
        self.rates: list[float] = []
        self.calls: list[int] = []
        self.norms: list[tuple[float, ...]] = []

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self.live = event.directory / "live"
                self.steering = Steering(event.directory, patience_seconds=3600)
            case Message():
                self.messages.append(event.text)
            case Ended():
                self.steering.close()

    def ask(self, *lines: str) -> None:
        with (self.live / "commands.jsonl").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def after_step(self, training: Training) -> None:
        step = training.counters.generator_steps
        is_first, modules = step not in self.calls, training.algorithm.networks.modules
        self.calls.append(step)
        self.norms.append(tuple(sum(float(p.detach().norm()) for p in modules[n].parameters()) for n in ("generator", "discriminator")))
        if step == 3 and is_first:
            self.ask('{"do": "learning_rate", "optimizer": "generator", "value": 0.01}', '{"do": "update", "optimizer": "generator"}')
        if step == 4 and is_first:
            self.ask('{"do": "pause"}', *['{"do": "update", "optimizer": "discriminator"}'] * 2, '{"do": "continue"}')
        if self.is_watched and step == 5 and is_first:
            self.ask("[", "{}", '{"do": "learning_rate", "optimizer": "nobody", "value": 1}', '{"do": "step"}', '{"do": "step"}')
        if self.is_watched:
            (self.live / "watched").touch()
        if step == 7:
            self.steering._patience = 0  # the page has gone
        self.steering.after_step(training)
        self.rates.append(float(training.algorithm.optimizers["generator"].param_groups[0]["lr"]))
        if self.is_watched and (self.live / "view.json").exists():
            self.views.append(json.loads((self.live / "view.json").read_text()))
        if step == self.ends_at:
            raise KeyboardInterrupt


class Planned:
    """What is asked of an algorithm for its updates: networks that take turns, as the plan has it."""

    def __init__(self, *plan: str, optimizers: tuple[str, ...] = ("generator", "discriminator")) -> None:
        self._plan, self.schedules = plan, dict.fromkeys(optimizers)

    def plan(self, iteration: int) -> tuple[str, ...]:
        return self._plan

    def phases(self) -> list[Phase]:
        return [Phase(name, lambda: None) for name in {*self._plan, "never"}]


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (Planned("discriminator_penalty", "discriminator", "generator"), ["discriminator_penalty", "generator"]),
        (Planned("generator", "discriminator", "discriminator"), ["generator", "discriminator"]),
        (Planned("begin_rollouts", "generator", "discriminator"), []),  # which need what that prepares
        (Planned("discriminators"), []),
        (Planned("joint"), []),
        (Planned("generator_b", "generator", optimizers=("generator", "generator_b")), ["generator_b", "generator"]),
    ],
)
def test_only_what_updates_one_network_is_taken_alone(algorithm: Any, expected: list[str]) -> None:
    """The first phase of each network in the plan, and nothing behind what is no update."""
    assert [phase.name for phase in updates_alone(algorithm, 0).values()] == expected
    with pytest.raises(ConfigError, match=r"^the coming iteration has no update of 'encoder' alone: its phases are \w+"):
        update_of(algorithm, "encoder", 0)


class Asking(Listener):
    """Asks for an update alone after the second of three steps."""

    def __init__(self, phase: Phase | None = None) -> None:
        super().__init__()
        self.phase, self.said = phase, ""

    def after_step(self, training: Training) -> None:
        if training.counters.generator_steps == 2 and not self.said:
            try:
                training.update_alone("generator", self.phase or update_of(training.algorithm, "generator", 2))
                self.said = "taken"
            except ConfigError as error:
                self.said = str(error)


def run_asking(path: Path, asking: Asking) -> ganbench.StoredRun:
    settings = {**SETTINGS, "training.batch_size": 100}
    return ganbench.run("mlp", out=path, on_event=asking, dataset="ring8", kimg=0.3, metrics=[], settings=settings)


@pytest.fixture
def fast(tmp_path, monkeypatch):
    """Make runs leave no pictures, which take longer than they do."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    for drawn in ("lifecycle.save_curves", "lifecycle.save_strip", "trainer.save_picture"):
        monkeypatch.setattr(f"ganbench.run.{drawn}", lambda *_, **__: None)


def test_a_captured_run_takes_whole_iterations_only(tmp_path, monkeypatch, fast):
    """Who asks such a run for an update alone is told so, and it goes on without one."""
    monkeypatch.setattr("ganbench.training.eager_runner.EagerRunner.name", "cuda_graph")
    record = run_asking(tmp_path / "run", asking := Asking()).record
    assert asking.said == "the runner cuda_graph executes whole iterations only: start the run with --runner eager"
    assert not [note for note in record.notes if note.startswith("intervention")]
    assert (record.status, dict(record.keys.work.fields)["training.d_steps"]) == ("complete", 1)


def test_half_an_update_alone_ends_the_run_without_a_checkpoint_of_it(tmp_path, fast):
    """What an error left of it is no state to go on from, and not what a listener that fails is: passed over."""

    def fail() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(GanbenchError, match="failed in an update of generator alone: RuntimeError: out of memory"):
        run_asking(tmp_path / "run", asking := Asking(Phase("generator", fail)))
    assert not list((tmp_path / "run" / "checkpoints").glob("*.pt"))
    assert asking.messages[-1].startswith("the step at 0.2 kimg was not finished, and half a step is no state to go on from")


def losses(run: Path) -> list[dict[str, Any]]:
    """Return what a run has told of each step, but for the time."""
    return [{k: v for k, v in event.items() if k not in ("time", "training_seconds")} for event in read_events(run / "events.jsonl")]


@pytest.mark.slow
def test_a_change_outlives_a_resume_and_a_pause_outlives_no_page(tmp_path, monkeypatch, fast):
    """A run that was looked at, paused and left ends as one does that was interrupted and resumed; both say what was done to them."""
    for name in ("_EVERY_SECONDS", "_LEAST_SECONDS", "_SHARE", "_PAUSED_SECONDS"):
        monkeypatch.setattr(steering, name, 0)
    arguments: Any = {"dataset": "ring8", "kimg": 0.2, "metrics": [], "settings": SETTINGS}
    seen, torn, resumed = Listener(watched=True), Listener(ends_at=6), Listener()
    whole = ganbench.run("mlp", out=tmp_path / "whole", on_event=seen, **arguments).record
    with pytest.raises(KeyboardInterrupt):
        ganbench.run("mlp", out=tmp_path / "torn", on_event=torn, **arguments)
    again = ganbench.resume(tmp_path / "torn", on_event=resumed).record

    assert losses(tmp_path / "whole") == losses(tmp_path / "torn")
    told = read_events(tmp_path / "torn" / "events.jsonl", "intervention")
    assert [(event.get("learning_rate"), event.get("updates")) for event in told] == [(0.01, None), (None, 1), (None, 1)]
    assert seen.rates == [*torn.rates, *resumed.rates]
    assert seen.rates[1] < 0.001 < seen.rates[3] == pytest.approx(0.01 * 0.7)  # of its schedule
    for record in (whole, again):
        assert [note for note in record.notes if note.startswith("intervention")] == [
            "intervention at 0.06 kimg: learning rate 0.01 of generator",
            "intervention at 0.08 kimg: 2 updates of discriminator alone",
        ]
        assert dict(record.keys.work.fields)["training.d_steps"] == f"1, 2 more of discriminator alone at 0.08 kimg in {record.run_id}"
        assert (record.work.samples_seen, record.work.generator_steps) == (200, 10)
    assert seen.calls == [1, 2, 3, 4, 4, *range(5, 11)]
    (g, d), (g_after, d_after) = seen.norms[3:5]
    assert g == g_after
    assert d != d_after
    keys = [dict(record.keys.work.fields)["generator_optimizer.learning_rate"] for record in (whole, again)]
    assert [str(key).partition(", ")[2] for key in keys] == [f"0.01 of generator from 0.06 kimg in {name}" for name in ("whole", "torn")]

    said = [text for text in seen.messages if "page" in text or "intervention" in text]
    assert [text.partition(":")[0] for text in said] == [
        "intervention at 0.06 kimg",
        "paused at 0.08 kimg by its page",
        *["intervention at 0.08 kimg"] * 2,
        "paused at 0.1 kimg by its page",
        "the page that paused this run has gone",
    ]
    told = [(view["samples_seen"], view["paused"], view["complaint"]) for view in seen.views]
    too_early = "pause the run first: one network alone is updated between two steps"
    assert told[:5] == [(20, False, ""), (40, False, ""), (60, False, too_early), (80, False, ""), (80, False, "")]
    assert told[5:8] == [(100, True, ""), (120, True, ""), (140, False, "")]
    assert [view["alone"] for view in seen.views[2:4]] == [{}, {"discriminator": 2}]
    assert [view["learning_rates"]["generator"] for view in seen.views[:5]] == seen.rates[:5]
    assert json.loads((tmp_path / "whole" / "live" / "view.json").read_text())["process"] == 0


class Looking(Listener):
    """A page that looks after each step and changes a learning rate after the sixth of ten; keeps when the run wrote down what it shows."""

    def after_step(self, training: Training) -> None:
        (self.live / "watched").touch()
        if training.counters.generator_steps == 6:
            self.ask('{"do": "learning_rate", "optimizer": "generator", "value": 0.01}')
        self.steering.after_step(training)
        view = self.live / "view.json"
        self.calls.append(view.stat().st_ino if view.exists() else 0)  # a file that is written again is another one


@pytest.mark.slow
def test_a_run_that_is_no_plane_writes_only_what_a_page_would_show_otherwise(tmp_path, monkeypatch, fast):
    """Its pictures and curves the server reads by itself: the run says once how it may be steered, and again when somebody did."""
    for name in ("_EVERY_SECONDS", "_LEAST_SECONDS", "_SHARE"):
        monkeypatch.setattr(steering, name, 0)
    settings = {**SETTINGS, "generator_optimizer.schedule": "constant"}
    looking = Looking()
    ganbench.run("mlp", out=tmp_path / "run", on_event=looking, dataset="digits", kimg=0.2, metrics=[], settings=settings)
    first, last = looking.calls[0], looking.calls[-1]
    assert looking.calls == [*[first] * 5, *[last] * 5]
    assert first != last
    assert json.loads((tmp_path / "run" / "live" / "view.json").read_text())["learning_rates"]["generator"] == pytest.approx(0.01)

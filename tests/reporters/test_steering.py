"""A run that pages steer: what they ask is done between two steps, and looking changes not a bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench import Ended, Event, Message, Started, read_events
from ganbench_reporters import steering
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
        if step == 3:
            self.ask('{"do": "learning_rate", "optimizer": "generator", "value": 0.01}')
        if self.is_watched and step == 5:
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


def losses(run: Path) -> list[dict[str, Any]]:
    """Return what a run has told of each step, but for the time."""
    return [{k: v for k, v in event.items() if k not in ("time", "training_seconds")} for event in read_events(run / "events.jsonl")]


@pytest.mark.slow
def test_a_change_outlives_a_resume_and_a_pause_outlives_no_page(tmp_path, monkeypatch):
    """A run that was looked at, paused and left ends as one does that was interrupted and resumed; both say what was done to them."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    for drawn in ("lifecycle.save_curves", "lifecycle.save_strip", "trainer.save_picture"):  # takes longer than these runs
        monkeypatch.setattr(f"ganbench.run.{drawn}", lambda *_, **__: None)
    for name in ("_EVERY_SECONDS", "_LEAST_SECONDS", "_SHARE", "_PAUSED_SECONDS"):
        monkeypatch.setattr(steering, name, 0)
    arguments: Any = {"dataset": "ring8", "kimg": 0.2, "metrics": [], "settings": SETTINGS}
    seen, torn, resumed = Listener(watched=True), Listener(ends_at=6), Listener()
    whole = ganbench.run("mlp", out=tmp_path / "whole", on_event=seen, **arguments).record
    with pytest.raises(KeyboardInterrupt):
        ganbench.run("mlp", out=tmp_path / "torn", on_event=torn, **arguments)
    again = ganbench.resume(tmp_path / "torn", on_event=resumed).record

    assert losses(tmp_path / "whole") == losses(tmp_path / "torn")
    assert [event["learning_rate"] for event in read_events(tmp_path / "torn" / "events.jsonl", "intervention")] == [0.01]
    assert seen.rates == [*torn.rates, *resumed.rates]
    assert seen.rates[1] < 0.001 < seen.rates[3] == pytest.approx(0.01 * 0.7)  # of its schedule
    for record in (whole, again):
        assert "intervention at 0.06 kimg: learning rate 0.01 of generator" in record.notes
    keys = [dict(record.keys.work.fields)["generator_optimizer.learning_rate"] for record in (whole, again)]
    assert [str(key).partition(", ")[2] for key in keys] == [f"0.01 of generator from 0.06 kimg in {name}" for name in ("whole", "torn")]

    said = [text for text in seen.messages if "page" in text or "intervention" in text]
    assert [text.partition(":")[0] for text in said] == [
        "intervention at 0.06 kimg",
        "paused at 0.1 kimg by its page",
        "the page that paused this run has gone",
    ]
    told = [(view["samples_seen"], view["paused"], view["complaint"]) for view in seen.views]
    assert told[:4] == [(20, False, ""), (40, False, ""), (60, False, ""), (80, False, "")]
    assert told[4:7] == [(100, True, ""), (120, True, ""), (140, False, "")]
    assert [view["learning_rates"]["generator"] for view in seen.views[:5]] == seen.rates[:5]
    assert json.loads((tmp_path / "whole" / "live" / "view.json").read_text())["process"] == 0

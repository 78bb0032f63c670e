"""Whoever listens may leave, and what fails between two steps may fail: no training is lost, and the resumed run has the same bits."""

from __future__ import annotations

import importlib.util
import json
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganbench.record.events import read_events
from ganbench.run.checkpoint import _list_checkpoints, load_checkpoint

pytestmark = pytest.mark.slow


def _crash() -> Any:
    """Load the benchmark, which does the same two hundred times."""
    path = Path(__file__).parents[2] / "benchmarks" / "crash.py"
    spec = importlib.util.spec_from_file_location("crash", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["crash"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


crash = _crash()


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Any, Path | None]]:
    """Return a yard and a small disk."""
    with crash.yard() as made, crash.small_disk(made.folder / "disk") as disk:
        yield made, disk


@pytest.mark.parametrize("loss", crash.LOSSES)
def test_a_lost_audience_costs_nothing(place: tuple[Any, Path | None], loss: str) -> None:
    """The run completes, or stops with a checkpoint where a signal asked for it; bits and files are those of a run left alone."""
    made, disk = place
    line = crash.lose(made, random.Random(loss), list(crash.LOSSES).index(loss), disk)
    assert line["flaws"] == [], line


def test_a_benchmark_of_kills_finds_what_a_kill_leaves(place: tuple[Any, Path | None]) -> None:
    """A file that should have gone and a bit that changed are flaws; a run that was killed has none."""
    made, _ = place
    line = crash.kill(made, random.Random(1), 0, 2)
    assert line["flaws"] == [], line
    made.finish(*crash.arguments_of("dcgan"), "--out", "other")
    (made.folder / "other" / ".x.ganbench-tmp").touch()
    (made.folder / "other" / "curves.png").unlink()
    record = made.folder / "other" / "record.json"
    record.write_text(record.read_text().replace('"seed": 3', '"seed": 4', 1))
    flaws = made.flaws("other", "dcgan")
    assert "stale: .x.ganbench-tmp" in flaws
    assert "lost: curves.png" in flaws
    assert any(flaw.startswith("lost: record/seed") for flaw in flaws)


MOMENTS = {
    "the first evaluation": ("ganbench.evaluation.evaluator:Evaluator.evaluate", 1),
    "an evaluation": ("ganbench.evaluation.evaluator:Evaluator.evaluate", 2),
    "the last evaluation": ("ganbench.evaluation.evaluator:Evaluator.evaluate", 4),
    "the first picture": ("ganbench.run.trainer:save_picture", 1),
    "a picture": ("ganbench.run.trainer:save_picture", 3),
    "a checkpoint": ("ganbench.run.checkpoint:write_bytes", 2),
}
"""What fails between two steps, and its call."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_error_between_two_steps_leaves_a_checkpoint(
    call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, differences: Callable[[Path, Path], Any], moment: str
) -> None:
    """Of the very step, and what failed is done when the run goes on."""
    function, number = MOMENTS[moment]
    assert call(*tiny, "--out", "whole").code == 0
    child = call(*tiny, "--out", "run", die={"function": function, "call": number, "when": "raise"})
    assert child.code == 3
    record = json.loads((tmp_path / "run" / "partial_record.json").read_text())
    state = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert state is not None
    assert state["counters"][0] == record["work"]["samples_seen"]
    assert record["status"] == "failed"
    assert "ganbench: a checkpoint is saved; go on with: ganbench run --resume run" in child.stderr.splitlines()
    again = call("run", "--resume", "run", "--quiet")
    assert again.code == 0, again.stderr
    assert differences(tmp_path / "run", tmp_path / "whole") == []


@pytest.mark.parametrize(
    ("function", "number"), [("ganbench.training.eager_runner:EagerRunner.run", 9), ("ganbench.record.events:EventLog.write", 7)]
)
def test_an_error_that_left_half_of_something_saves_nothing(
    call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, differences: Callable[[Path, Path], Any], function: str, number: int
) -> None:
    """Half a step, or numbers that were read and not told, are no state to go on from; the run goes back to the last that is."""
    assert call(*tiny, "--out", "whole").code == 0
    assert call(*tiny, "--out", "run", die={"function": function, "call": number, "when": "raise"}).code == 3
    record = json.loads((tmp_path / "run" / "partial_record.json").read_text())
    state = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert state is not None
    assert state["counters"][0] < record["work"]["samples_seen"]
    assert call("run", "--resume", "run", "--quiet").code == 0
    assert differences(tmp_path / "run", tmp_path / "whole") == []


def test_a_checkpoint_that_a_kill_kept_too_long_goes_with_the_resume(
    launch: Callable[..., Any], call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    """After the last of all, no other would be written that removes it."""
    child = launch(*tiny, "--out", "run", die={"function": "ganbench.run.checkpoint:write_bytes", "call": 7, "when": "after"})
    assert child.wait() == -signal.SIGKILL
    assert len(_list_checkpoints(tmp_path / "run" / "checkpoints")) == 3
    assert call("run", "--resume", "run", "--quiet").code == 0
    assert len(_list_checkpoints(tmp_path / "run" / "checkpoints")) == 2


def test_a_removed_event_log_is_said_and_written_again(
    launch: Callable[..., Any], call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, differences: Callable[[Path, Path], Any]
) -> None:
    """With the next checkpoint, whole: its numbers are the run's."""
    assert call(*tiny, "--out", "whole").code == 0
    child = launch(*tiny, "--out", "run", "--set", "checkpoint.every_kimg=0.3")
    events = tmp_path / "run" / "events.jsonl"
    child.until(lambda: events.exists() and len(list(read_events(events))) > 2)
    events.unlink()
    assert child.wait() == 0
    assert "events.jsonl has been removed or replaced while the run goes on; it is written again" in child.stderr
    places = [one.partition(":")[0] for one in differences(tmp_path / "run", tmp_path / "whole")]
    assert places == ["record/config/checkpoint.every_kimg", "state/config"]

"""Runs from Python: docs/python.md as it stands, and what a call leaves alone."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import ganbench
from ganbench.record.find import load_run

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
SMALL: dict[str, Any] = {
    "kimg": 0.2,
    "metrics": [],
    "options": {"generator_width": 4, "discriminator_width": 4, "dataset.resolution": 8},
    "settings": {"training.batch_size": 24, "training.device": "cpu"},
}


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block after the one before it, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, "docs/python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "complete" in printed
    assert "samples a second" not in printed
    assert "512 of 500 samples" in printed
    assert load_run(tmp_path / "my-run") == names["run"].record
    (row,) = re.findall(r"^\| dcgan \|.*$", printed, re.MULTILINE)
    assert row.split(" | ")[2:4] == ["complete (2 collapsed)", "2"]
    assert names["run"].record.name in names["run"]._repr_html_()
    assert "<table" in names["table"]._repr_html_()
    assert names["measured"].record.final("fd100_digits").value == pytest.approx(names["run"].record.final("fd100_digits").value, rel=1e-6)
    assert names["of_noise"].record.kind == "evaluation"
    assert [row.state for row in names["matrix"].rows] == ["done", "done"]
    assert [one.directory.parent for one in names["matrix"].runs] == [Path("seeds")] * 2


@pytest.mark.slow
def test_a_run_leaves_its_process_as_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Signals, threads and numerics; and it prints nothing."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    settings = {**SMALL["settings"], "training.deterministic": True, "training.threads": 1}
    run = ganbench.run("dcgan", **{**SMALL, "settings": settings}, out=tmp_path / "run")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), torch.get_num_threads()) == before
    assert not torch.are_deterministic_algorithms_enabled()
    assert run.directory == tmp_path / "run"
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_run_without_a_folder_of_its_own_is_below_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is found again by its id."""
    monkeypatch.chdir(tmp_path)
    run = ganbench.run("dcgan", seed=3, **SMALL)
    assert run.directory.resolve().parent == tmp_path / "results" / "runs"
    assert ganbench.load(run.record.run_id).record == run.record
    assert run.record.seed == 3


@pytest.mark.slow
def test_errors_are_exceptions_and_leave_nothing(tmp_path: Path) -> None:
    """Of a wrong name, of a wrong setting, of a folder that is taken."""
    with pytest.raises(ganbench.PluginError, match="unknown architecture or recipe 'dcgn'"):
        ganbench.run("dcgn", out=tmp_path / "run")
    with pytest.raises(ganbench.ConfigError, match=r"unknown option training\.sed; did you mean 'seed'"):
        ganbench.run("dcgan", settings={"training.sed": 1}, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ganbench.UsageError, match="is not empty"):
        ganbench.run("dcgan", out=tmp_path)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    """Ctrl-C comes as an exception, out of a listener for instance; the run is recorded as interrupted, and its end is the same."""

    def stop(event: ganbench.Event) -> None:
        if isinstance(event, ganbench.Saved) and event.what == "checkpoint":
            raise KeyboardInterrupt

    whole = ganbench.run("dcgan", **SMALL, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        ganbench.run("dcgan", **SMALL, out=tmp_path / "stopped", on_event=stop)
    assert ganbench.load(tmp_path / "stopped").record.status == "interrupted"
    resumed = ganbench.resume(tmp_path / "stopped")
    assert resumed.record.work == whole.record.work
    assert resumed.record.num_resumes == 1


@pytest.mark.slow
def test_a_listener_that_raises_is_named_once_and_not_told_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on to its end."""
    told: list[ganbench.Event] = []

    def broken(event: ganbench.Event) -> None:
        told.append(event)
        raise ValueError("no display")

    assert ganbench.run("dcgan", **SMALL, out=tmp_path / "run", on_event=broken).record.status == "complete"
    assert len(told) == 1
    (warning,) = [r.getMessage() for r in caplog.records if "the listener" in r.getMessage()]
    assert warning.endswith("broken raised ValueError: no display; it is not told anything more")


@pytest.mark.slow
def test_what_happens_is_told_in_order(tmp_path: Path) -> None:
    """Started first, Ended last, once each; the numbers are those of the record."""
    events: list[ganbench.Event] = []
    run = ganbench.run("dcgan", **{**SMALL, "metrics": ["fd100_digits"]}, out=tmp_path / "run", on_event=events.append)
    assert isinstance(events[0], ganbench.Started)
    assert (events[0].directory, events[0].name, events[0].resumed) == (run.directory, "dcgan", False)
    assert events[0].config == run.record.config
    assert isinstance(events[-1], ganbench.Ended)
    assert events[-1].record == run.record
    assert [type(event) for event in events].count(ganbench.Ended) == 1
    assert tuple(e.evaluation for e in events if isinstance(e, ganbench.Evaluated)) == run.record.evaluations
    assert all(event.path.exists() for event in events if isinstance(event, ganbench.Saved) and event.what == "samples")

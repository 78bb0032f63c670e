"""An error inside a training step: a checkpoint of what is sound, or the one before and a line that says so; the same bits in the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.errors import DataError, GanbenchError, Interrupted, PluginFailed, RunFailed
from ganbench.record.directory import RunDirectory
from ganbench.record.events import Event, Message, Progressed
from ganbench.record.find import load_run
from ganbench.run.checkpoint import load_checkpoint
from ganbench.run.lifecycle import Run
from ganbench_datasets.image_files import FileSource

Weights = dict[str, torch.Tensor]
FAILS_AT = 144
"""Samples; checkpoints are due at 120 and 216."""


class Watcher:
    """Hears of a run's events, and knows when it has come to where it is to fail."""

    def __init__(self) -> None:
        self.is_there = False
        self.messages: list[str] = []

    def __call__(self, event: Event) -> None:
        self.is_there |= isinstance(event, Progressed) and event.samples_seen >= FAILS_AT
        if isinstance(event, Message):
            self.messages.append(event.text)


@pytest.fixture
def streamed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the settings of a run whose images stream from files, in this process."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for index in range(30):
        Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / f"{index:02d}.png")
    data = {"dataset.name": "folder", "dataset.options.path": str(folder), "dataset.options.channels": "1"}
    return {**data, "data.resident_limit_mib": 0.0, "training.workers": 0, "evaluation.metrics": (), "checkpoint.every_kimg": 0.1}


@pytest.fixture
def broken(new_run: Callable[..., Run], tmp_path: Path) -> Callable[..., GanbenchError]:
    """Return a function that trains until an error comes, and returns it."""

    def start(settings: dict[str, Any], watcher: Watcher, **arguments: Any) -> GanbenchError:
        run = new_run(settings, listeners=(watcher,), **arguments)
        with pytest.raises(GanbenchError) as caught:
            run.start(lambda _: RunDirectory.create_at(tmp_path / "broken"))
        return caught.value

    return start


@pytest.fixture
def resumed(new_run: Callable[..., Run], tmp_path: Path, weights: Any, changed: Any) -> Callable[..., list[str]]:
    """Return a function that goes on with the broken run, and names the tensors that are not those of a run that nothing befell."""

    def go_on(settings: dict[str, Any]) -> list[str]:
        again, whole = new_run(settings), new_run(settings)
        again.resume(RunDirectory.resume(tmp_path / "broken"))
        ended = weights(again)
        whole.start(lambda _: RunDirectory.create_at(tmp_path / "whole"))
        return list(changed(ended, weights(whole)))

    return go_on


def kept_at(folder: Path) -> int:
    """Return the samples of the newest checkpoint."""
    return int(load_checkpoint(folder / "checkpoints", lambda state: None)["counters"][0])


@pytest.mark.slow
def test_what_cannot_be_read_loses_no_step(
    broken: Callable[..., GanbenchError],
    resumed: Callable[..., list[str]],
    streamed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checkpoint is of the step before."""
    watcher, read = Watcher(), FileSource.read

    def fail(source: FileSource, indices: torch.Tensor) -> torch.Tensor:
        if watcher.is_there:
            raise DataError("03.png cannot be read any more")
        return read(source, indices)

    with monkeypatch.context() as patch:
        patch.setattr(FileSource, "read", fail)
        assert isinstance(broken(streamed, watcher), DataError)
    assert kept_at(tmp_path / "broken") == FAILS_AT == load_run(tmp_path / "broken").work.samples_seen
    assert not any("was not finished" in text for text in watcher.messages)
    assert resumed(streamed) == []


@pytest.mark.slow
def test_half_a_step_goes_back_to_the_last_checkpoint_and_says_so(
    broken: Callable[..., GanbenchError],
    resumed: Callable[..., list[str]],
    streamed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch was drawn, and nobody has learnt from it."""
    from ganbench.training.adversarial import AdversarialAlgorithm

    watcher, draw = Watcher(), AdversarialAlgorithm.draw_inputs

    def fail(algorithm: Any, count: int) -> torch.Tensor:
        if watcher.is_there:
            raise RuntimeError("the latents are gone")
        return draw(algorithm, count)

    with monkeypatch.context() as patch:
        patch.setattr(AdversarialAlgorithm, "draw_inputs", fail)
        assert isinstance(broken(streamed, watcher), PluginFailed)
    assert kept_at(tmp_path / "broken") == 120
    assert watcher.messages[-1] == (
        "the step at 0.1 kimg was not finished, and half a step is no state to go on from; the run goes on from the checkpoint at 0.1 kimg"
    )
    assert resumed(streamed) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL], ids=lambda number: number.name)
def test_a_data_worker_that_dies_loses_no_step(
    broken: Callable[..., GanbenchError],
    resumed: Callable[..., list[str]],
    streamed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    """Of any signal: one line with what to do, code 3, and the run goes on to the same bits."""
    workers, read, watcher = streamed | {"training.workers": 1}, FileSource.read, Watcher()
    drawn = [0]

    def die(source: FileSource, indices: torch.Tensor) -> torch.Tensor:
        drawn[0] += os.getpid() != parent
        if drawn[0] == 7:  # of the worker's own, which reads ahead
            os.kill(os.getpid(), number)
        return read(source, indices)

    parent = os.getpid()
    with monkeypatch.context() as patch:
        patch.setattr(FileSource, "read", die)
        error = broken(workers, watcher)
    assert str(error) == (
        "a data worker process was killed; memory, file descriptors or /dev/shm may be short: "
        "--set training.workers=0 decodes in one process"
    )
    assert (type(error), error.exit_code) == (RunFailed, 3)
    assert kept_at(tmp_path / "broken") == load_run(tmp_path / "broken").work.samples_seen
    assert resumed(workers) == []


@pytest.mark.slow
def test_a_job_that_is_told_to_stop_with_its_workers_is_interrupted(
    broken: Callable[..., GanbenchError],
    resumed: Callable[..., list[str]],
    streamed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A scheduler's SIGTERM goes to every process: that the workers are gone is no failure of the run."""
    watcher, read = Watcher(), FileSource.read
    asked = [False]

    def fail(source: FileSource, indices: torch.Tensor) -> torch.Tensor:
        if watcher.is_there:
            asked[0] = True
            raise RunFailed("a data worker process was killed")
        return read(source, indices)

    with monkeypatch.context() as patch:
        patch.setattr(FileSource, "read", fail)
        assert isinstance(broken(streamed, watcher, should_stop=lambda: asked[0]), Interrupted)
    assert kept_at(tmp_path / "broken") == FAILS_AT
    assert load_run(tmp_path / "broken").status == "interrupted"
    assert resumed(streamed) == []

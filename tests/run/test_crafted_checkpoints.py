"""Checkpoints that somebody has made, under names with the right hash: passed over like damaged ones, and nothing is touched."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.errors import Interrupted, RunFailed
from ganbench.record.directory import RunDirectory
from ganbench.run.checkpoint import _list_checkpoints
from ganbench.run.lifecycle import Run

SETTINGS = {"evaluation.metrics": (), "checkpoint.every_kimg": 0.04}


_MADE: dict[str, Any] = {}


@pytest.fixture
def unfinished(new_run: Callable[..., Run], trained: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A copy of a run with two checkpoints, stopped before its end; what it is at its end is kept beside it."""
    folder = tmp_path_factory.mktemp("unfinished")
    if not _MADE:
        asked: list[int] = []

        def stop() -> bool:
            asked.append(1)
            return len(asked) > 5

        with pytest.raises(Interrupted):
            new_run(SETTINGS, should_stop=stop).start(lambda _: RunDirectory.create_at(folder / "first"))
        _MADE["work"], _MADE["run"] = trained(SETTINGS).record.work, folder / "first"
    return RunDirectory(Path(shutil.copytree(_MADE["run"], folder / "run")))


def put(path: Path, state: dict[str, Any], samples_seen: int) -> Path:
    """Write a checkpoint in the place of another, under the name that its content gives it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.unlink()
    made = path.with_name(f"{samples_seen:012d}-{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.pt")
    made.write_bytes(buffer.getvalue())
    return made


def at(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value into a state."""

    def change(state: Any) -> None:
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = to

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.pop(name)


def other_optimizer(state: dict[str, Any]) -> None:
    """Give each tensor of an optimizer another shape, which ``copy_`` would repeat."""
    for moments in state["algorithm"]["optimizers"]["generator_optimizer"]["state"].values():
        for name in moments:
            moments[name] = torch.zeros(1) if moments[name].ndim else torch.zeros(3)


CRAFTED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "counters are a number": at("counters", to=3),
    "counters are too few": at("counters", to=[24, 1, 1]),
    "counters are texts": at("counters", to=["24", "1", "1", "0"]),
    "counters are fractions": at("counters", to=[24.0, 1.0, 1.0, 0.0]),
    "counters are negative": at("counters", to=[-24, 1, 1, 0]),
    "counters are beyond the end": at("counters", to=[10**12, 5, 5, 0]),
    "iterations are beyond the samples": at("counters", to=[96, 10**9, 10**9, 0]),
    "steps and iterations differ": at("counters", to=[96, 3, 4, 0]),
    "evaluations are no JSON": at("evaluations", to="[{"),
    "evaluations are nested deeply": at("evaluations", to="[" * 100_000),
    "evaluations are others": at("evaluations", to=json.dumps([{"a": 1}])),
    "evaluations are a list": at("evaluations", to=[]),
    "an intervention of no optimizer": at("interventions", to=[[24, "critic", 0.1]]),
    "an intervention that learns nothing": at("interventions", to=[[24, "generator", -0.1]]),
    "interventions are numbers": at("interventions", to=[3]),
    "no threads": at("threads", to=[0, "measured"]),
    "more threads than there can be": at("threads", to=[100_000, "measured"]),
    "threads are a text": at("threads", to="4"),
    "the algorithm is empty": at("algorithm", to={}),
    "the algorithm is a list": at("algorithm", to=[]),
    "a weight has another shape": at("algorithm", "modules", "generator", to={}),
    "an optimizer has other shapes": other_optimizer,
    "a statistic has another shape": at("algorithm", "statistics", "sums", to=torch.zeros(1)),
    "the random state is empty": at("rng", to={}),
    "the random state is short": at("rng", "torch", to=torch.zeros(3, dtype=torch.uint8)),
    "the seconds are a list": at("seconds", to=[1.0]),
    "the seconds are nan": at("seconds", "training", to=float("nan")),
    "the seconds are a text": at("seconds", "training", to="long"),
    "the events are negative": at("events_bytes", to=-1),
    "the events are a text": at("events_bytes", to="all"),
    "the configuration is no JSON": at("config", to="{"),
    "the configuration is a list": at("config", to="[]"),
    "the plugins are numbers": at("plugins", to=[1, 2]),
    "the keys are a number": at("evaluation_keys", to=3),
    "something unknown is due": at("due", to=["format the disk"]),
    "no counters": without("counters"),
    "no hardware": without("hardware"),
    "no random state": without("rng"),
    "no mixture of machines": without("machines_mixed"),
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder but the lock and the log, in which whoever comes writes that he came."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name not in (".lock", "log.txt")}


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_checkpoint_is_passed_over(
    name: str, unfinished: RunDirectory, new_run: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """It is named as damaged, and the run ends with the bits that it would have had."""
    *_, newest = _list_checkpoints(unfinished.checkpoints_path)
    state = torch.load(newest, weights_only=True)
    CRAFTED[name](state)
    crafted = put(newest, state, int(newest.name[:12]))
    threads = torch.get_num_threads()
    with caplog.at_level(logging.WARNING):
        record = new_run(SETTINGS).resume(RunDirectory.resume(unfinished.path))
    assert f"checkpoint {crafted.name} is damaged" in caplog.text
    assert torch.get_num_threads() == threads
    assert record.status == "complete"
    assert record.work == _MADE["work"]


def test_with_every_checkpoint_crafted_nothing_is_touched(unfinished: RunDirectory, new_run: Callable[..., Run]) -> None:
    """Neither events nor samples: what is left of the run may still be read."""
    for path in _list_checkpoints(unfinished.checkpoints_path):
        state = torch.load(path, weights_only=True)
        state["events_bytes"], state["rng"]["python"] = 0, []
        put(path, state, int(path.name[:12]))
    before = contents(unfinished.path)
    with pytest.raises(RunFailed, match="is whole; start the run anew"):
        new_run(SETTINGS).resume(RunDirectory.resume(unfinished.path))
    assert contents(unfinished.path) == before

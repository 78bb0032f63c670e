"""Real workers: whatever a plugin does ends its own cell only, and the next one runs."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.fleet import local
from ganbench.fleet.executor import CellOutcome, CellTask
from ganbench.fleet.local import LocalExecutor
from ganbench.fleet.worker import HEAD_BYTES, TAIL_BYTES
from ganbench.record.directory import RunDirectory

Make = Callable[..., CellTask]
Finish = Callable[..., dict[str, CellOutcome]]

IN_THE_STEP = "architecture 'build' of file:wild.py failed in phase 'joint' of iteration 0"


@pytest.mark.slow
def test_cells_become_ordinary_runs_with_the_threads_they_were_given(make_task: Make, finish: Finish) -> None:
    """Two in one worker each; the record holds the count."""
    unmeasured = {"evaluation.metrics": []}
    tasks = [make_task("one", threads=1), make_task("two", "", threads=2, changes=unmeasured), make_task("three", threads=1)]
    ended = finish(*tasks)
    assert [(one.state, one.reason, one.output) for one in ended.values()] == [("done", "", ())] * 3
    records = [json.loads((task.directory / "record.json").read_text()) for task in tasks]
    assert [dict(record["keys"]["software"]["fields"])["threads"] for record in records] == [1, 2, 1]
    assert [record["config"]["training.threads"] for record in records] == [1, 2, 1]
    assert records[0]["work"]["trajectory_hash"] == records[2]["work"]["trajectory_hash"]
    assert (tasks[0].directory / "log.txt").read_text().count("digits, seed 0")


@pytest.mark.slow
def test_a_cell_tells_its_reporters_and_one_that_fails_is_a_warning(make_task: Make, finish: Finish, tmp_path: Path) -> None:
    """One warning, in what the cell prints; the others are told on, and the run is the same."""
    (tmp_path / "file").touch()
    theirs = tmp_path / "theirs.py"
    theirs.write_text("def build(options, context):\n    return lambda event: open('" + str(tmp_path / "heard") + "', 'a').write('.')\n")
    chosen = {"jsonl": {"file": str(tmp_path / "file" / "no.jsonl")}, f"{theirs}:build": {}}
    task = make_task("told", changes={"evaluation.metrics": []})
    task = dataclasses.replace(task, request=dataclasses.replace(task.request, reporters=chosen))
    assert finish(task)["told"].state == "done"
    assert task.log.read_text().count("the listener jsonl reporter raised") == 1
    assert len((tmp_path / "heard").read_text()) > 10
    assert "jsonl" not in (task.directory / "config.toml").read_text()


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize(
    ("act", "reason", "last"),
    [
        ("crash", "its process crashed with SIGSEGV", "Segmentation fault"),
        ("exit", "its process ended with exit code 7 before the run did", "about to leave"),
        ("build-exit", "its process ended with exit code 7 before the run did", "about to leave"),
        ("leave", f"{IN_THE_STEP}: SystemExit: enough", "SystemExit: enough"),
        ("raise", f"{IN_THE_STEP}: RuntimeError: the layer is tired", "RuntimeError: the layer is tired"),
    ],
)
def test_what_a_plugin_does_to_its_process_is_a_failure_with_its_cause(
    make_task: Make, finish: Finish, act: str, reason: str, last: str
) -> None:
    """Nothing of it is tried again; the last lines say where."""
    outcome = finish(make_task("wild", act))["wild"]
    assert (outcome.state, re.sub(r" \(wild\.py:\d+\)$", "", outcome.reason)) == ("failed", reason)
    assert any(last in line for line in outcome.output)


def test_what_cannot_be_built_is_unsupported(make_task: Make, finish: Finish) -> None:
    """A resolution that the architecture lacks, a penalty with batch norm, a value that a factory refuses; no directory is left."""
    tasks = [
        make_task("resolution", changes={"dataset.options.resolution": 12}),
        make_task("penalty", changes={"loss.name": "wasserstein", "loss.options.gp_weight": 10, "dataset.options.resolution": 16}),
        make_task("value", "refuse"),
    ]
    ended = finish(*tasks)
    assert {one.state for one in ended.values()} == {"unsupported"}
    assert "cannot be built for 12x12" in ended["resolution"].reason
    assert "batch norm, which couples samples" in ended["penalty"].reason
    assert "act must not be refuse" in ended["value"].reason
    assert not any(task.directory.exists() for task in tasks)


@pytest.mark.slow
def test_a_hang_ends_at_the_timeout(make_task: Make, finish: Finish) -> None:
    """Also one that does not listen; what listens keeps a partial record."""
    ended = finish(make_task("deaf", "hang", timeout_seconds=1.5), make_task("build", "build-hang", timeout_seconds=1.5))
    assert {one.state for one in ended.values()} == {"failed"}
    assert {one.reason for one in ended.values()} == {"timeout: it took more than 1.5 s"}


def test_a_cell_that_eats_memory_is_ended(make_task: Make, finish: Finish) -> None:
    """With what it used and what it may use."""
    outcome = finish(make_task("eater", "eat", memory_limit_mib=900))["eater"]
    assert outcome.state == "failed"
    assert outcome.reason.startswith("memory limit: it used ")
    assert outcome.reason.endswith(" MiB, and may use 900 MiB")


def test_a_hundred_megabytes_of_output_are_cut_to_the_ends(make_task: Make, finish: Finish) -> None:
    """The log holds the beginning and the end, the outcome short lines."""
    task = make_task("loud", "print")
    outcome = finish(task)["loud"]
    assert re.fullmatch(re.escape(f"{IN_THE_STEP}: RuntimeError: hoarse") + r" \(wild\.py:\d+\)", outcome.reason)
    assert HEAD_BYTES + TAIL_BYTES <= task.log.stat().st_size < HEAD_BYTES + TAIL_BYTES + 100
    assert b"bytes left out]" in task.log.read_bytes()
    assert max(map(len, outcome.output)) <= 300


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1], ids=["cell", "server"])
def test_a_kill_from_outside_is_told_from_a_crash(make_task: Make, finish: Finish, tmp_path: Path, victim: int) -> None:
    """Of the cell's process, and of the one that forked it; afterwards a new worker does the work."""
    note = tmp_path / "pids"
    killed: list[int] = []

    def kill() -> None:
        if not killed and note.exists() and len(pids := note.read_text().split()) == 2:
            killed.append(int(pids[victim]))
            os.kill(killed[0], signal.SIGKILL)

    outcome = finish(make_task("victim", "wait", note=str(note)), between=kill)["victim"]
    assert outcome.state == "killed"
    assert outcome.reason.startswith("SIGKILL from outside ended its process")
    assert finish(make_task("next"))["next"].state == "done"


@pytest.mark.slow
def test_an_interrupted_cell_goes_on_where_it_was(executor: LocalExecutor, make_task: Make, finish: Finish) -> None:
    """The first request saves; the same task again resumes the run."""
    task = make_task("long", changes={"training.total_kimg": 6, "evaluation.every_kimg": 6})
    executor.submit(task)
    outcome = None
    while outcome is None:
        happened = executor.wait()
        if any(not isinstance(one, CellOutcome) for one in happened):
            executor.interrupt()
        outcome = next((one for one in happened if isinstance(one, CellOutcome)), None)
    assert outcome.state == "interrupted"
    partial = json.loads((task.directory / "partial_record.json").read_text())
    assert partial["status"] == "interrupted"
    assert 0 < partial["work"]["samples_seen"] < 6000
    assert not RunDirectory(task.directory).is_active
    assert finish(task)["long"].state == "done"
    record = json.loads((task.directory / "record.json").read_text())
    assert (record["num_resumes"], record["work"]["samples_seen"]) == (1, 6000)


@pytest.mark.slow
def test_beside_a_gpu_a_cell_has_a_process_without_a_fork(
    executor: LocalExecutor, make_task: Make, finish: Finish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process that imported the harness runs it and ends."""
    monkeypatch.setattr(local, "has_gpu", lambda: True)
    note = tmp_path / "pids"
    ended = finish(make_task("one", "", device="auto", note=str(note)))
    assert (ended["one"].state, ended["one"].reason) == ("done", "")
    assert int(note.read_text().split()[1]) == os.getpid()


@pytest.mark.slow
def test_closing_ends_every_process(executor: LocalExecutor, make_task: Make, tmp_path: Path) -> None:
    """Nothing outlives the executor."""
    note = tmp_path / "pids"
    executor.submit(make_task("open", "wait", note=str(note)))
    deadline = time.monotonic() + 120
    while not note.exists() and time.monotonic() < deadline:
        executor.wait()
    handles = [os.pidfd_open(int(pid)) for pid in note.read_text().split()]
    executor.close()
    for handle in handles:  # readable once its process has ended, which the kernel may do a moment after the signal
        assert select.select([handle], [], [], 60)[0]
        os.close(handle)

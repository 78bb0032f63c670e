"""Run directories: exclusive, locked, and safe once finished."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone

import pytest

from ganbench.errors import StorageError, UsageError
from ganbench.record.directory import RunDirectory, RunLock, is_run
from ganbench.record.serialise import from_json

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)


def _create(root, **changes):
    return RunDirectory.create(root, **{"name": "dcgan", "dataset": "digits", "seed": 0, "now": NOON, **changes})


def test_the_name_says_what_ran(tmp_path):
    """Time in UTC, name, dataset and seed."""
    with _create(tmp_path / "runs") as run:
        assert run.path.name == "20261121-120000-dcgan-digits-s0"
        assert run.samples_path.is_dir()
        assert run.checkpoints_path.is_dir()


def test_a_taken_name_gets_a_number(tmp_path):
    """Two runs in one second have two directories."""
    names = []
    for _ in range(3):
        with _create(tmp_path) as run:
            names.append(run.path.name)
    assert names == [f"20261121-120000-dcgan-digits-s0{end}" for end in ("", "-2", "-3")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("./my gan.py:MyGAN", "my-gan.py-MyGAN"), ("dist:dcgan", "dist-dcgan"), ("../../..", "run"), ("ä/ö", "run"), ("x" * 300, "x" * 60)],
)
def test_any_name_becomes_one_folder(tmp_path, name, expected):
    """A plugin's path or a long name cannot leave the folder of runs."""
    with _create(tmp_path, name=name) as run:
        assert run.path.parent == tmp_path
        assert run.path.name == f"20261121-120000-{expected}-digits-s0"


def test_a_given_path_may_be_absent_or_empty(tmp_path):
    """--out makes parents, and takes an empty folder."""
    RunDirectory.create_at(tmp_path / "a" / "b").close()
    (tmp_path / "empty").mkdir()
    RunDirectory.create_at(tmp_path / "empty").close()
    assert (tmp_path / "empty" / "samples").is_dir()


def test_a_given_path_with_something_in_it_is_refused(tmp_path):
    """Nothing of the user's is written over, and a run is offered to be resumed."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty \(it holds notes.txt\)"):
        RunDirectory.create_at(tmp_path)
    (tmp_path / "config.toml").touch()
    with pytest.raises(UsageError, match="ganbench run --resume"):
        RunDirectory.create_at(tmp_path)
    with pytest.raises(UsageError, match="cannot be used"):
        RunDirectory.create_at(tmp_path / "notes.txt")
    with pytest.raises(UsageError, match="cannot make the folder"):
        RunDirectory.create_at(tmp_path / "notes.txt" / "below")


def test_a_record_exists_only_when_the_run_has_ended(tmp_path, make_record):
    """A partial record is replaced by the record at the end."""
    with _create(tmp_path) as run:
        run.write_partial(make_record(status="running"))
        assert not run.is_finished
        assert is_run(run.path)
        with pytest.raises(ValueError, match="must be complete or diverged"):
            run.finish(make_record(status="interrupted"))
        run.finish(make_record())
        assert run.is_finished
        assert not run.partial_record_path.exists()
        assert from_json(run.record_path.read_bytes()) == make_record()


def test_a_finished_run_is_never_overwritten(tmp_path, make_record):
    """Neither finish nor resume touches it."""
    with _create(tmp_path) as run:
        run.config_path.touch()
        run.finish(make_record(status="diverged"))
        before = run.record_path.read_bytes()
        with pytest.raises(UsageError, match="never overwritten"):
            run.finish(make_record())
    with pytest.raises(UsageError, match="never overwritten"):
        RunDirectory.resume(run.path)
    assert run.record_path.read_bytes() == before


def test_a_second_process_is_kept_out(tmp_path):
    """The lock names its holder, and is free after close."""
    run = _create(tmp_path)
    run.config_path.touch()
    assert run.is_active
    with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
        RunDirectory.resume(run.path)
    run.close()
    assert not run.is_active
    RunDirectory.resume(run.path).close()


def test_the_lock_of_a_killed_process_is_free_although_its_child_lives(tmp_path):
    """kill -9 leaves no stale lock, also when a forked worker outlives its parent."""
    code = (
        "import os, sys, time; from pathlib import Path; from ganbench.record.directory import RunDirectory\n"
        "run = RunDirectory.create_at(Path(sys.argv[1])); run.config_path.touch()\n"
        "reading, writing = os.pipe(); child = os.fork()\n"
        "if child == 0: os.write(writing, b'.'); time.sleep(60); os._exit(0)\n"
        "os.read(reading, 1); print(child, flush=True); time.sleep(60)\n"  # once the child has closed what it must not hold
    )
    path = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        with pytest.raises(UsageError, match=f"in use by process {process.pid}"):
            RunDirectory.resume(path)
        process.kill()
        process.wait()
        RunDirectory.resume(path).close()
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_resuming_clears_what_a_killed_writer_left(tmp_path):
    """Temporary files do not pile up over many kills."""
    with _create(tmp_path) as run:
        run.config_path.touch()
    leftover = run.checkpoints_path / ".a.pt.1-2.ganbench-tmp"
    leftover.touch()
    with RunDirectory.resume(run.path):
        assert not leftover.exists()


@pytest.mark.parametrize("name", ["folder", "file", "gone"])
def test_what_is_no_run_cannot_be_resumed(tmp_path, monkeypatch, name):
    """Each is a usage error with a hint."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError):
        RunDirectory.resume(tmp_path / name)


def test_a_run_id_can_be_resumed(tmp_path, monkeypatch):
    """The beginning of an id below ./results/runs is enough."""
    monkeypatch.chdir(tmp_path)
    with RunDirectory.create(name="dcgan", dataset="digits", seed=3) as run:
        run.config_path.touch()
    with RunDirectory.resume(run.path.name) as again:
        assert again.path.resolve() == run.path.resolve()


@pytest.mark.parametrize(("number", "works"), [(errno.ENOLCK, True), (errno.EOPNOTSUPP, True), (errno.EIO, False)])
def test_a_file_system_without_locks_can_be_used(tmp_path, monkeypatch, number, works):
    """Some network file systems know no flock: the run goes on; any other refusal is told."""

    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    if works:
        with _create(tmp_path) as run:
            assert run.samples_path.is_dir()
    else:
        with pytest.raises(StorageError, match="Input/output error"):
            _create(tmp_path)


@pytest.mark.slow
def test_a_reader_never_keeps_a_writer_away(tmp_path):
    """Who asks whether a run is active holds its lock for a moment, and may do so again and again."""
    run = RunDirectory.create_at(tmp_path / "run")
    run.close()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            RunDirectory(tmp_path / "run").is_active  # noqa: B018

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(300):
            run._lock.acquire()
            run._lock.release()
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_a_writer_keeps_another_away_at_once(tmp_path, monkeypatch):
    """Without waiting for readers that are none."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    with RunDirectory.create_at(tmp_path / "run") as run, pytest.raises(UsageError, match="is in use by process"):
        RunLock(run._lock.path).acquire()

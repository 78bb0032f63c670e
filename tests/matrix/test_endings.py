"""A matrix that is killed, interrupted or out of disk space: nothing finished is lost, and the same command does the rest."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganbench.cli.main import main

PATIENCE_SECONDS = 120
LONG = ("--set=kimg=400", "--set=checkpoint.every_kimg=1", "--set=evaluation.every_kimg=400")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def launch() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts the program in a process; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, largest_file: int = 0) -> subprocess.Popen[str]:
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_file}, -1))" if largest_file else ""
        code = f"import sys; sys.path[:] = {sys.path!r}; {limit}\nfrom ganbench.cli.main import entry; entry()"
        command = [sys.executable, "-c", code, "matrix", *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def states(folder: Path) -> dict[str, str]:
    """Return the states in a matrix.json."""
    return {cell["name"]: cell["state"] for cell in json.loads((folder / "matrix.json").read_text())["cells"]}


def test_killing_the_matrix_loses_nothing_and_leaves_nobody(tiny_flags: list[str], launch: Callable[..., subprocess.Popen[str]]) -> None:
    """kill -9 in the second of two cells: its worker ends too; the same command resumes it and leaves the first alone."""
    command = ("-a", "plugin=dcgan", "-a", "kimg=0.1,3", *tiny_flags, "--set=checkpoint.every_kimg=0.5", "--out", "m")
    process = launch(*command)
    until(lambda: list(Path("m").glob("dcgan-kimg=3*/checkpoints/*.pt")), process)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    assert workers
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    (first,) = Path("m").glob("dcgan-kimg=0.1*/record.json")
    assert not list(Path("m").glob("dcgan-kimg=3*/record.json"))
    changed = first.stat().st_mtime_ns
    assert main(["matrix", *command, "--quiet"]) == 0
    assert first.stat().st_mtime_ns == changed
    (second,) = Path("m").glob("dcgan-kimg=3*/record.json")
    assert json.loads(second.read_text())["num_resumes"] == 1


def test_ctrl_c_saves_what_runs_and_ends_with_130(tiny_flags: list[str], launch: Callable[..., subprocess.Popen[str]]) -> None:
    """The running cell keeps a partial record; the other waits."""
    process = launch("-a", "plugin=dcgan", "-a", "seed=0..1", *tiny_flags, *LONG, "--out", "m")
    until(lambda: list(Path("m").glob("*/checkpoints/*.pt")), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "ganbench: the matrix was stopped; what is finished is kept; the same command runs the rest"
    assert states(Path("m")) == {"dcgan seed=0": "interrupted", "dcgan seed=1": "waiting"}
    (partial,) = Path("m").glob("*/partial_record.json")
    assert json.loads(partial.read_text())["status"] == "interrupted"
    assert out.splitlines()[-1].startswith("2 cells: 0 done, 0 failed, 0 unsupported, 0 skipped, 1 interrupted, 1 waiting")


def test_a_full_disk_ends_the_matrix_with_one_line(tiny_flags: list[str], launch: Callable[..., subprocess.Popen[str]]) -> None:
    """Exit code 3; a limit that no checkpoint fits into stands for the disk."""
    process = launch("-a", "plugin=dcgan", "-a", "seed=0..1", *tiny_flags, "--out", "m", largest_file=9000)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3, err
    assert err.splitlines()[-1].startswith("ganbench: cannot write m/")
    assert "File too large; free space, then" in err.splitlines()[-1]
    assert states(Path("m")) == {"dcgan seed=0": "failed", "dcgan seed=1": "waiting"}

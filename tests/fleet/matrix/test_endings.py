"""A matrix that is out of disk space, killed or interrupted: nothing finished is lost, and the same command goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 120
COMMAND = ("-a", "plugin=dcgan", "-a", "kimg=0.1,3,400,401", "--out", "m")
SELDOM = ("--set=evaluation.metrics=none", "--set=evaluation.every_kimg=500", "--set=checkpoint.every_kimg=0.5")


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
        code = f"import sys; sys.path[:] = {sys.path!r}; {limit}\nfrom ganbench.__main__ import entry; entry()"
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


def of(kimg: str, pattern: str) -> list[Path]:
    """Return files of the cell of a length."""
    return list(Path("m").glob(f"dcgan-kimg={kimg}-*/{pattern}"))


def run_into_a_full_disk(process: subprocess.Popen[str]) -> None:
    """Wait until a matrix whose files may hold 9,000 bytes has given up: one line, exit code 3, and nothing more is begun."""
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3, err
    assert err.splitlines()[-1].startswith("ganbench: cannot write m/")
    assert "File too large; free space, then" in err.splitlines()[-1]
    assert list(states(Path("m")).values()) == ["failed", "waiting", "waiting", "waiting"]


def kill_in_the_second_cell(process: subprocess.Popen[str]) -> None:
    """Send kill -9 to the matrix alone: its worker ends with it."""
    until(lambda: of("3", "checkpoints/*.pt"), process)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    assert workers
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert (len(of("0.1", "record.json")), len(of("3", "record.json"))) == (1, 0)


def interrupt_in_the_third_cell(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the running cell keeps a partial record, the last one waits, and the exit code is 130."""
    until(lambda: of("400", "checkpoints/*.pt"), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "ganbench: the matrix was stopped; what is finished is kept; the same command runs the rest"
    assert list(states(Path("m")).values()) == ["done", "done", "interrupted", "waiting"]
    (partial,) = of("400", "partial_record.json")
    assert json.loads(partial.read_text())["status"] == "interrupted"
    assert out.splitlines()[-1].startswith("4 cells: 1 done, 0 failed, 0 unsupported, 1 skipped, 1 interrupted, 1 waiting")


def test_nothing_finished_is_lost_and_the_same_command_goes_on(tiny_flags: list[str], launch: Callable[..., subprocess.Popen[str]]) -> None:
    """A full disk, kill -9 and Ctrl-C, one after the other: each time it goes on where the last call was, and runs nothing twice."""
    command = (*COMMAND, *tiny_flags, *SELDOM)
    run_into_a_full_disk(launch(*command, largest_file=9000))
    kill_in_the_second_cell(launch(*command))
    (first,) = of("0.1", "record.json")
    changed = first.stat().st_mtime_ns
    interrupt_in_the_third_cell(launch(*command))
    assert first.stat().st_mtime_ns == changed
    (second,) = of("3", "record.json")
    assert json.loads(second.read_text())["num_resumes"] == 1

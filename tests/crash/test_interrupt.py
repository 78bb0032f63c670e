"""Ctrl-C and SIGTERM: the first saves, the second kills, and before there is anything to save nothing is left behind."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench.run.checkpoint import _list_checkpoints, load_checkpoint

pytestmark = pytest.mark.slow

LONG = ("--kimg", "100", "--set", "checkpoint.every_kimg=50", "--set", "evaluation.every_kimg=50")


def steps(run: Path) -> int:
    """Return how many lines of events a run has written."""
    events = run / "events.jsonl"
    return events.read_bytes().count(b"\n") if events.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_saves_and_says_how_to_go_on(
    launch: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, number: signal.Signals
) -> None:
    """Exit code 130, a checkpoint of the step it was at, and a partial record."""
    child = launch(*tiny, *LONG, "--out", "run")
    child.until(lambda: steps(tmp_path / "run") > 2)
    child.signal(number)
    assert child.wait() == 130, child.stderr
    stopping, last = child.stderr.strip().splitlines()
    assert stopping == "ganbench: stopping after this step and saving; Ctrl-C again kills"
    assert last.startswith("ganbench: interrupted at ")
    assert last.endswith(" of 100.0 kimg; go on with: ganbench run --resume run")
    record = json.loads((tmp_path / "run" / "partial_record.json").read_text())
    assert record["status"] == "interrupted"
    state = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert state is not None
    assert state["counters"][0] == record["work"]["samples_seen"] > 0
    assert not (tmp_path / "run" / "record.json").exists()


def test_an_interrupted_run_goes_on_to_the_same_bits(
    launch: Callable[..., Any], call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, differences: Callable[[Path, Path], Any]
) -> None:
    """Interrupted again and again at any step, between two cadences."""
    assert call(*tiny, "--out", "whole").code == 0
    child, interruptions = launch(*tiny, "--out", "run"), 0
    for seen in (3, 6, 10):
        child.until(lambda seen=seen: steps(tmp_path / "run") >= seen)
        child.signal(signal.SIGINT)
        interruptions += child.wait() == 130
        child = launch("run", "--resume", "run", "--quiet")
    assert child.wait() == 0, child.stderr
    assert interruptions >= 1
    assert json.loads((tmp_path / "run" / "record.json").read_text())["num_resumes"] == 3
    left = [d for d in differences(tmp_path / "run", tmp_path / "whole") if "checkpoints" not in d]
    assert left == []


def test_a_signal_while_the_threads_are_calibrated_loses_nothing(
    launch: Callable[..., Any], call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, differences: Callable[[Path, Path], Any]
) -> None:
    """The run exists already: it is saved before its first evaluation, and goes on with that."""
    assert call(*tiny, "--out", "whole").code == 0
    child = launch(*tiny, "--out", "run", signal_at={"function": "ganbench.run.lifecycle:count_flops", "number": signal.SIGINT})
    assert child.wait() == 130, child.stderr
    assert "interrupted at 0.0 of 0.6 kimg; go on with: ganbench run --resume run" in child.stderr
    assert [p.name[:12] for p in _list_checkpoints(tmp_path / "run" / "checkpoints")] == ["0" * 12]
    again = call("run", "--resume", "run", "--quiet")
    assert again.code == 0, again.stderr
    assert differences(tmp_path / "run", tmp_path / "whole") == []


def test_the_second_signal_kills_at_once(
    launch: Callable[..., Any], call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    """Even in a step that never ends; the run goes on from its last checkpoint."""
    stuck = {"function": "ganbench.training.eager_runner:EagerRunner.run", "call": 8, "when": "hang"}
    child = launch(*tiny, "--out", "run", die=stuck)
    child.until(lambda: steps(tmp_path / "run") >= 8)
    child.signal(signal.SIGINT)
    child.until(lambda: "stopping after this step" in child.stderr)
    child.signal(signal.SIGINT)
    assert child.wait() == -signal.SIGINT
    assert _list_checkpoints(tmp_path / "run" / "checkpoints")
    again = call("run", "--resume", "run", "--quiet")
    assert again.code == 0, again.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("function", ["ganbench.run.build:_build_dataset", "ganbench.evaluation.evaluator:Evaluator.prepare"])
def test_a_signal_during_start_up_leaves_nothing(
    launch: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, function: str, number: signal.Signals
) -> None:
    """One word, exit code 130, no run directory."""
    child = launch(*tiny, "--out", "run", signal_at={"function": function, "number": number})
    assert child.wait() == 130
    assert child.stderr.strip() == "ganbench: interrupted"
    assert child.stdout == ""
    assert not (tmp_path / "run").exists()


def read_terminal(master: int, process: subprocess.Popen[bytes], until: bytes) -> bytes:
    """Return what a terminal shows until a text appears or the process ends."""
    shown = b""
    while until not in shown:
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, shown
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    return shown


def test_the_terminal_gets_its_cursor_back(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """A whole process on a real terminal, interrupted by the terminal's own Ctrl-C."""
    root = Path(ganbench.__file__).parents[1]
    master, slave = pty.openpty()
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'plugins'}", "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    arguments = [a for a in tiny if a != "--quiet"]
    without = arguments.index("--metric")
    command = [sys.executable, "-m", "ganbench", *arguments[:without], *arguments[without + 2 :], "--no-eval", *LONG, "--out", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_own_terminal
    )
    os.close(slave)
    try:
        shown = read_terminal(master, process, b"img/s")
        assert b"\x1b[?25l" in shown, "the live line hides the cursor"
        os.write(master, b"\x03")
        after = read_terminal(master, process, b"--resume run")
        assert process.wait(60) == 130, shown + after
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"\x1b[?25h" in after
    assert b"interrupted at " in after
    assert b"Traceback" not in shown + after


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

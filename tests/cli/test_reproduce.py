"""``ganbench reproduce`` as a user meets it: help, wrong inputs, a small table, and a process that was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main

SMALL = ["-o", "epochs=4", "-o", "num_samples=40", "-o", "batch_size=10", "-o", "generator_width=4", "-o", "discriminator_width=2"]
TABLE = ["reproduce", "pacgan-table1", "--device", "cpu", "--seeds", "2", *SMALL]
KILLED = """
import os, signal
from ganbench.cli.main import main
from ganbench_reproduce import drive
drive.CHECKPOINT_SECONDS = 0.0
saved, count = drive.save_checkpoint, 0
def save(*arguments, **keywords):
    global count
    saved(*arguments, **keywords)
    count += 1
    if count == 23:
        os.kill(os.getpid(), signal.SIGKILL)
drive.save_checkpoint = save
main({arguments!r})
"""
"""Dies in the second cell: a cell has 16 steps, with a checkpoint after each."""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record_of(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "reproduction.json").read_text())
    return loaded


def numbers(record: dict[str, Any]) -> list[Any]:
    """Return every score of every seed."""
    return [(cell["name"], score["column"], score["values"]) for cell in record["cells"] for score in cell["scores"]]


@pytest.mark.slow
def test_the_table_goes_to_stdout_and_to_the_folder(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And again at once where it is finished, as JSON too."""
    assert main([*TABLE, "--budget", "0.5"]) == 0
    out = capfd.readouterr().out
    folder = workplace / "results" / "reproductions" / "pacgan-table1"
    assert out == (folder / "table.md").read_text()
    assert "50 % of the budget (2 of 4 epochs)" in out
    assert "98.89 %" in out
    assert main([*TABLE, "--budget", "0.5", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == record_of(folder)


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_numbers(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With SIGKILL, right after a checkpoint in the middle of an epoch of the second of two cells."""
    arguments = [*TABLE, "-o", "data=grid", "--out", "killed"]
    done = subprocess.run([sys.executable, "-c", KILLED.format(arguments=arguments)], check=False)
    assert done.returncode == -9
    partial = json.loads((workplace / "killed" / "partial_reproduction.json").read_text())
    assert [cell["name"] for cell in partial["cells"]] == ["grid-1"]
    assert list((workplace / "killed" / "checkpoints" / "grid-2").glob("*.pt"))
    assert main(arguments) == 0
    assert main([*TABLE, "-o", "data=grid", "--out", "straight"]) == 0
    killed, straight = record_of(workplace / "killed"), record_of(workplace / "straight")
    assert numbers(killed) == numbers(straight)
    assert (killed["num_resumes"], straight["num_resumes"]) == (1, 0)
    capfd.readouterr()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "pacgan-table2"], "unknown reproduction 'pacgan-table2'; did you mean 'pacgan-table1'?"),
        (["reproduce", "dcgan"], "unknown reproduction 'dcgan'"),
        ([*TABLE, "--budget", "0"], "--budget must be above 0 and at most 1 (got 0.0)"),
        ([*TABLE, "--budget", "2"], "--budget must be above 0 and at most 1 (got 2.0)"),
        ([*TABLE, "--seeds", "0"], "--seeds must be 1 or more (got 0)"),
        ([*TABLE, "--device", "tpu"], "--device must be auto, cpu, cuda or cuda:N (got 'tpu')"),
        ([*TABLE, "-o", "packing=2"], "unknown option -o.packing; did you mean 'packings'?"),
        ([*TABLE, "-o", "packings=two"], "-o.packings must be a whole number (got 'two')"),
        ([*TABLE, "-o", "data=circle"], "-o.data must be one of ring, grid (got 'circle')"),
        ([*TABLE, "-o", "batch_size=7"], "num_samples must be a multiple of batch_size, 4 batches or more (got 40 and 7)"),
        ([*TABLE, "-o", "epochs"], "-o wants KEY=VALUE (got 'epochs')"),
        ([*TABLE, "-o", "runner=cuda_graph"], "training.runner is 'cuda_graph', and the device is cpu"),
    ],
)
def test_wrong_inputs_are_one_line_with_exit_code_2(arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is wrong, the value got, what is allowed."""
    assert main(arguments) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert message in err


def test_an_out_that_is_a_file_is_refused(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is left as it is."""
    (workplace / "taken").write_text("mine")
    assert main([*TABLE, "--out", "taken"]) == 2
    assert "--out taken cannot be made" in capfd.readouterr().err


def test_it_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    """In the help, among the plugins, and with its options and its use."""
    assert main(["--help"]) == 0
    assert "reproduce" in capfd.readouterr().out
    assert main(["plugins", "show", "pacgan-table1"]) == 0
    out = capfd.readouterr().out
    assert "ganbench reproduce pacgan-table1" in out
    assert "packings" in out

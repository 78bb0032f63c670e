"""``ganbench matrix`` as a user meets it."""

from __future__ import annotations

import functools
import json
import re
import sys
from pathlib import Path

import pytest

from ganbench.cli.main import main
from ganbench.record import probes

TINY = (
    *("--set=dataset.options.resolution=8", "--set=kimg=0.24", "--set=batch_size=24", "--set=device=cpu", "--set=evaluation.grid_size=2"),
    *("--set=evaluation.metrics=fd100_digits", "--set=evaluation.every_kimg=0.1", "-o", "latent_dim=4"),
    *("-o", "generator_width=4", "-o", "discriminator_width=4"),
)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own; the tests share a cache."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "matrix-cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def states(folder: Path) -> dict[str, str]:
    """Return the states in a matrix.json."""
    return {cell["name"]: cell["state"] for cell in json.loads((folder / "matrix.json").read_text())["cells"]}


@pytest.mark.slow
def test_a_dry_run_of_nothing_that_can_run_is_exit_code_5(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As the run would be: a misspelt loss is no plan."""
    assert main(["matrix", "-a", "plugin=dcgan", "-a", "loss=hing", "--dry-run"]) == 5
    assert "did you mean 'hinge'?" in capfd.readouterr().out


@pytest.mark.slow
def test_a_dry_run_lists_the_cells_and_makes_nothing(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With the reason of those that cannot run, and without importing torch."""
    assert main(["matrix", "-a", "plugin=dcgan,nope", "-a", "seed=0..1", "--dry-run"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["dcgan seed=0", "dcgan seed=1", "nope seed=0", "nope seed=1"]
    assert "unsupported  unknown architecture or recipe 'nope'" in lines[2]
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which runs? the matrix has no axis"),
        (["-a", "plugin=dcgan", "-a", "sed=1"], "-a: unknown setting 'sed'"),
        (["missing.toml"], "no such configuration file: missing.toml"),
        (["-a", "plugin=dcgan", "--shard", "4/3"], "--shard must be i/n"),
        (["-a", "plugin=dcgan", "-p", "no:such-thing"], "-p no:such-thing: nothing has this name"),
        (["-a", "plugin=dcgan", "--set", "seed"], "--set wants NAME=VALUE"),
        (["-a", "plugin=dcgan", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["-a", "plugin=dcgan", "--columns", "imags/s"], "--columns: no column is called 'imags/s'; did you mean 'images/s'?"),
        (["-a", "plugin=dcgan", "--columns", "n", "--all-columns"], "--columns wants names with commas between, and no --all-columns"),
        (["-a", "plugin=dcgan", "--reporter", "jsonll"], "unknown reporter 'jsonll'; did you mean 'jsonl'?"),
        (["-a", "plugin=dcgan", "--reporter", "jsonl", "-o", "jsonl.fil=a"], "unknown option jsonl.fil; did you mean 'file'?"),
        (["-a", "plugin=dcgan", "--columns", ","], "--columns wants names with commas between"),
    ],
)
def test_a_call_that_means_nothing_is_one_line(
    workplace: Path, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no folder."""
    assert main(["matrix", *arguments]) == 2
    assert message in capfd.readouterr().err
    assert list(workplace.iterdir()) == []


def test_a_reporter_that_cannot_be_built_is_told_once(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Before the first cell is planned, and not by each of them."""
    tired = workplace.with_name("tired.py")
    tired.write_text("def build(options, context):\n    raise ValueError('no pen today')\n")
    assert main(["matrix", "-a", "plugin=dcgan", "-a", "seed=0..9", "--reporter", f"{tired}:build"]) == 2
    assert capfd.readouterr().err == "ganbench: reporter 'build': no pen today\n"
    assert list(workplace.iterdir()) == []


@pytest.mark.slow
def test_a_matrix_in_which_nothing_can_run_has_nothing_to_show(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 5: it must not look like success."""
    assert main(["matrix", "-a", "plugin=nope", "-a", "seed=0..1", "--out", "m"]) == 5
    assert capfd.readouterr().out.splitlines()[-1] == "2 cells: 0 done, 0 failed, 2 unsupported, 0 skipped; everything is in m"
    assert states(Path("m")) == {"nope seed=0": "unsupported", "nope seed=1": "unsupported"}


@pytest.mark.slow
def test_a_matrix_for_a_gpu_that_is_not_there_is_refused(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before anything is planned or made; a plan may be of another machine, and one cell for the processor is enough to begin."""
    monkeypatch.setattr(probes, "refuse_missing_gpu", functools.partial(probes.refuse_missing_gpu, files=()))
    monkeypatch.setattr(sys, "platform", "linux")
    assert main(["matrix", "-a", "plugin=dcgan", "-a", "device=cuda,cuda:1", "--out", "m"]) == 2
    assert "training.device is 'cuda', and this machine has no GPU" in capfd.readouterr().err
    assert list(workplace.iterdir()) == []
    assert main(["matrix", "-a", "plugin=dcgan", "-a", "device=cuda", "--dry-run"]) in (0, 5)
    assert main(["matrix", "-a", "plugin=nope", "-a", "device=cuda,cpu", "--out", "m"]) == 5


def test_the_status_of_no_matrix_is_nothing_to_compare(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 5."""
    assert main(["matrix", "--out", "m", "--status"]) == 5
    assert "no matrix in m" in capfd.readouterr().err


@pytest.mark.slow
def test_a_matrix_runs_its_cells_once_and_prints_them(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Runs where ``ganbench table`` finds them, a row for what cannot run, and a second call that has nothing to do."""
    Path("sizes.toml").write_text('[axes]\nplugin = ["dcgan", "nope"]\nseed = "0..1"\n[[exclude]]\nplugin = "nope"\nseed = 1\n')
    assert main(["matrix", "sizes.toml", *TINY]) == 0
    first = capfd.readouterr()
    folder = workplace / "results" / "runs" / "sizes"
    records = sorted(folder.glob("*/record.json"))
    assert len(records) == 2
    assert first.out.splitlines()[-1] == "3 cells: 2 done, 0 failed, 1 unsupported, 0 skipped; everything is in results/runs/sizes"
    assert re.search(r"^ *n +2 *$", first.out, re.MULTILINE)  # one row of two seeds, as in `ganbench table`
    assert "FD digits" in first.out
    assert "2/2  dcgan seed=1: done after" in first.err
    changed = [record.stat().st_mtime_ns for record in records]
    assert main(["matrix", "sizes.toml", *TINY]) == 0
    assert capfd.readouterr().out.splitlines()[-1].startswith("3 cells: 0 done, 0 failed, 1 unsupported, 2 skipped")
    assert [record.stat().st_mtime_ns for record in records] == changed
    assert main(["matrix", "sizes.toml", "--status"]) == 0
    assert "nope seed=0   unsupported  unknown architecture or recipe 'nope'" in capfd.readouterr().out
    assert main(["table"]) == 0

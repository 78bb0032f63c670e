"""Cells whose seeds are ordinary runs: their scores are the runs' own, a pause changes no bit, and a seed knows nothing of the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from zoo_restoration import CASES

import ganbench
from ganbench.cli.main import main
from ganbench_reproduce.experiment import ExperimentSetup
from ganbench_reproduce.trained import TrainedRuns

SETTINGS: Mapping[str, Any] = {
    **CASES["srgan"],
    "training.threads": 1,
    "training.total_kimg": 0.024,
    "evaluation.metrics": ("psnr_crop0_rgb20",),
}
COLUMNS = {"psnr": "psnr_crop0_rgb20", "bicubic": "guess_psnr_crop0_rgb20"}


def cell(*seeds: int) -> TrainedRuns:
    """Return a cell of SRGAN, three steps of four images in an interval."""
    setup = ExperimentSetup(cell="srgan", seeds=seeds, device=torch.device("cpu"))
    return TrainedRuns(setup, "srgan", SETTINGS, COLUMNS, interval_kimg=0.010)


def never() -> bool:
    """Go on."""
    return False


@pytest.mark.slow
def test_a_seeds_scores_are_those_of_a_run(tmp_path: Path) -> None:
    """To the bit, after the same budget; the trivial answer's too."""
    trained = cell(0, 1)
    assert trained.facts.steps_per_interval == 3
    assert trained.facts.flops_per_step > 0
    assert dict(trained.facts.parameters).keys() == {"generator", "discriminator"}
    assert trained.advance(never)
    assert trained.advance(never)
    assert (trained.steps, trained.intervals) == (6, 2)
    scores = trained.scores()
    settings = {**SETTINGS, "training.seed": 1, "training.device": "cpu"}
    stored = ganbench.run("srgan", settings=settings, metrics=SETTINGS["evaluation.metrics"], out=tmp_path / "run")
    values = {value.name: value.value for value in stored.record.evaluations[-1].values}
    assert {name: scores[name][1] for name in COLUMNS} == {name: values[quantity] for name, quantity in COLUMNS.items()}


@pytest.mark.slow
def test_a_pause_changes_nothing_and_a_seed_knows_nothing_of_the_others() -> None:
    """Stopped in the middle of an interval, put into another process's cell, and gone on with; and alone."""
    whole = cell(0, 1)
    assert whole.advance(never)
    stopped, resumed, alone = cell(0, 1), cell(0, 1), cell(1)
    assert not stopped.advance(lambda: True)
    assert (stopped.steps, stopped.intervals) == (1, 0)
    resumed.load_state_dict(stopped.state_dict())
    assert resumed.advance(never)
    assert alone.advance(never)
    assert resumed.scores() == whole.scores()
    assert [values[1] for values in whole.scores().values()] == [values[0] for values in alone.scores().values()]


def test_rows_that_are_named_twice_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is built."""
    assert main(["reproduce", "super-resolution", "-o", "methods=srresnet,srresnet", "--out", str(tmp_path / "a")]) == 2
    assert "methods must be one or more, each once" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_a_little_of_super_resolution_is_above_bicubic_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A twentieth of the training of SRResNet; Set5's figures are notes, and no difference is taken from them."""
    flags = ["-o", "methods=srresnet", "--budget", "0.05", "--seeds", "1", "--threads", "1", "--device", "cpu", "--json"]
    assert main(["reproduce", "super-resolution", *flags, "--out", str(tmp_path / "table")]) == 0
    record = json.loads(capsys.readouterr().out)
    (row,) = record["cells"]
    scores = {score["column"]: score for score in row["scores"]}
    assert all(score["published"] is None for score in scores.values())
    assert scores["psnr"]["mean"] > scores["psnr_bicubic"]["mean"] + 0.1
    assert any("Set5 is another data set" in note for note in record["notes"])


@pytest.mark.slow
def test_what_the_first_seed_makes_can_be_seen(tmp_path: Path) -> None:
    """The picture is that of a run of the seed, and a few samples lie beside it as files."""
    trained = cell(1)
    assert trained.advance(never)
    assert trained.advance(never)
    trained.save_samples(tmp_path / "srgan")
    settings = {**SETTINGS, "training.seed": 1, "training.device": "cpu"}
    stored = ganbench.run("srgan", settings=settings, out=tmp_path / "run")
    (last,) = (tmp_path / "run" / "samples").glob(f"*{stored.record.work.samples_seen}.png")
    assert (tmp_path / "srgan.png").read_bytes() == last.read_bytes()
    assert len(list((tmp_path / "srgan" / "images").glob("*.png"))) == 10

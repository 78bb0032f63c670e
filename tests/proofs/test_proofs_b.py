"""A model without a discriminator, a detector, an enlargement, wide images and ADA's rule, each a distribution of its own."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from proof import (
    BATCH,
    STEPS,
    Proof,
    algorithm_of,
    check_captured_steps,
    check_compiled_steps,
    check_public_names_alone,
    check_resumes_to_the_same_bits,
    check_trains_evaluates_and_draws,
    count_lines,
    install,
    run,
)

import ganbench
from ganbench.cli.main import main
from ganbench.testing import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner

SMALL = {"dataset.resolution": 8}
GAN = {**SMALL, "generator_width": 4, "discriminator_width": 4}
VAE, DETECTOR, ENLARGEMENT, WIDE, ADAPTIVE = PROOFS = [
    Proof(name="vae", plugin="small-vae", dataset="digits", metrics=("fd100_digits",), options=SMALL),
    Proof(name="detector", plugin="detector", dataset="one-digit", metrics=("rocarea",)),
    Proof(name="enlargement", plugin="enlarge", dataset="digits", metrics=("psnr100",), options={"dataset.resolution": 16}),
    Proof(name="wide", plugin="wide", dataset="sunsets", metrics=("fd100_digits",)),
    Proof(
        name="adaptive",
        plugin="dcgan",
        dataset="digits",
        metrics=("fd100_digits",),
        options={**GAN, "augmentation.speed_kimg": 0.1},
        settings={"augmentation.name": "adaptive"},
    ),
]


@pytest.fixture(params=PROOFS, ids=lambda proof: proof.name)
def proof(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proof:
    """Each of them, installed."""
    asked: Proof = request.param
    install(asked.name, tmp_path / "site", monkeypatch)
    return asked


def test_it_uses_public_names_alone(proof: Proof) -> None:
    """And few lines of it are there only because of ganbench."""
    check_public_names_alone(proof.name)
    model, everything = count_lines(proof.name)
    print(f"{proof.name}: {model} lines that are not the model itself, {everything} with its data and metrics")
    assert model <= 15


@pytest.mark.slow(keep=1)
def test_it_trains_evaluates_and_draws(proof: Proof, tmp_path: Path) -> None:
    """Through the command line."""
    check_trains_evaluates_and_draws(proof, tmp_path / "run")


@pytest.mark.slow
def test_it_resumes_to_the_same_bits(proof: Proof, tmp_path: Path) -> None:
    """After an interrupt at its first checkpoint."""
    check_resumes_to_the_same_bits(proof, tmp_path)


@pytest.mark.slow
def test_its_steps_are_captured(proof: Proof) -> None:
    """To the same bits."""
    check_captured_steps(proof)


@pytest.mark.slow
def test_its_steps_are_compiled(proof: Proof) -> None:
    """To the same losses."""
    check_compiled_steps(proof)


def use(proof: Proof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proof:
    """Return a proof, installed."""
    install(proof.name, tmp_path / "site", monkeypatch)
    return proof


@pytest.mark.slow
def test_a_vae_and_a_gan_are_two_rows_of_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same data, same metric; each has the networks that it has, and the VAE no adversarial loss."""
    vae = run(use(VAE, tmp_path, monkeypatch), tmp_path / "runs" / "vae")
    gan = run(Proof(name="", plugin="dcgan", dataset="digits", metrics=VAE.metrics, options=GAN), tmp_path / "runs" / "gan")
    assert vae.record.keys.evaluation == gan.record.keys.evaluation
    capsys.readouterr()
    assert main(["table", str(tmp_path / "runs"), "--format", "markdown"]) == 0
    heading, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines() if "|" in line]
    by_name = {row["model"]: row for row in (dict(zip(heading, row, strict=True)) for row in rows)}
    assert by_name.keys() == {"small-vae", "dcgan"}
    values = {name: float(row["FD digits ↓ final"].replace(",", "")) for name, row in by_name.items()}
    assert values == {
        name: pytest.approx(one.record.evaluations[-1].values[0].value, rel=1e-3) for name, one in (("small-vae", vae), ("dcgan", gan))
    }
    assert {name: row["loss"] for name, row in by_name.items()} == {"small-vae": "-", "dcgan": "logistic"}
    assert by_name["small-vae"]["params G"] == by_name["small-vae"]["params D"] == by_name["dcgan"]["params decoder"] == "-"
    assert by_name["small-vae"]["params decoder"] != "-"
    assert by_name["dcgan"]["params D"] != "-"


@pytest.mark.slow
def test_the_statistics_of_a_vae_are_told_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each report, and nothing of a discriminator."""
    heard: list[ganbench.Event] = []
    run(use(VAE, tmp_path, monkeypatch), tmp_path / "run", heard.append)
    told = [event for event in heard if isinstance(event, ganbench.Progressed)]
    assert {tuple(event.statistics) for event in told} == {("reconstruction", "divergence")}
    assert told[-1].statistics["reconstruction"] < told[0].statistics["reconstruction"]


@pytest.mark.parametrize(
    ("plugin", "loss", "message"), [("small-vae", "hinge", "it is with none"), ("dcgan", "none", "an adversarial loss")]
)
def test_a_loss_where_there_is_none_and_none_where_there_is_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str, loss: str, message: str
) -> None:
    """Before anything is trained."""
    use(VAE, tmp_path, monkeypatch)
    with pytest.raises(ganbench.ConfigError, match=message):
        ganbench.run(plugin, loss=loss, metrics=(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_detector_learns_what_is_normal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It has never seen an anomaly, and scores them higher; the command line says what the number is over."""
    detector = use(DETECTOR, tmp_path, monkeypatch)
    stored = check_trains_evaluates_and_draws(
        Proof(**{**vars(detector), "settings": {"training.total_kimg": 1.0, "evaluation.every_kimg": 0.5}}), tmp_path / "run"
    )
    (value,) = stored.record.evaluations[-1].values
    assert value.value > 0.8
    assert (value.num_generated, value.num_reference) == (0, 150)
    capsys.readouterr()
    ganbench.print_document(ganbench.table(stored).explained())
    assert "AUROC: rocarea, over 150 held-out images, higher is better" in capsys.readouterr().out


@pytest.mark.slow
def test_an_enlargement_comes_closer_to_its_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In decibels, from the interpolated images with noise that it begins with."""
    stored = run(use(ENLARGEMENT, tmp_path, monkeypatch), tmp_path / "run")
    first, *_, last = (evaluation.values[0].value for evaluation in stored.record.evaluations)
    assert last > first > 5


@pytest.mark.slow
def test_wide_images_are_drawn_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a grid of their own proportions."""
    stored = run(use(WIDE, tmp_path, monkeypatch), tmp_path / "run")
    with Image.open(sorted((stored.directory / "samples").iterdir())[-1]) as picture:
        assert picture.mode == "RGB"
        assert picture.width / picture.height == pytest.approx(24 / 16, rel=0.05)
    assert stored.record.space == "images"


@pytest.mark.slow
def test_the_strength_moves_in_replayed_steps_as_in_eager_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step, in both directions, and a state of it that is loaded is followed."""
    proof = use(ADAPTIVE, tmp_path, monkeypatch)
    eager, captured = algorithm_of(proof), algorithm_of(proof)
    runner = GraphRunner(captured, torch.device("cpu"), RecordedGraphs())
    runner.start()
    strengths: list[tuple[float, float]] = []
    middle: dict[str, Any] = {}
    for i in range(STEPS):
        for algorithm in (eager, captured):
            algorithm.set_progress(i * BATCH)
        execute(eager, i)
        runner.run(i)
        strengths.append((strength_of(eager), strength_of(captured)))
        if i == STEPS // 2:
            middle = copy.deepcopy(eager.state_dict())
            captured.load_state_dict(copy.deepcopy(middle))
    assert all(one == other for one, other in strengths)
    moves = [after - before for (before, _), (after, _) in itertools.pairwise(strengths)]
    assert sum(move != 0 for move in moves) >= 4
    assert min(moves) < 0 < max(moves)
    resumed = algorithm_of(proof)
    resumed.load_state_dict(middle)
    assert strength_of(resumed) == strengths[STEPS // 2][0] > 0


def strength_of(algorithm: ganbench.Algorithm) -> float:
    """Return the strength of the augmentation."""
    return float(algorithm.modules()["augmentation"].strength)  # type: ignore[arg-type]

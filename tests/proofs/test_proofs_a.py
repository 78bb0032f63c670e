"""Sounds, texts, rows of a table and clips: what comes next, each a distribution of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from proof import (
    Proof,
    check_captured_steps,
    check_compiled_steps,
    check_keeps_its_promises,
    check_public_names_alone,
    check_resumes_to_the_same_bits,
    check_trains_evaluates_and_draws,
    count_lines,
    install,
)

PROOFS = [
    Proof(name="sounds", plugin="wave-gan", dataset="tones", metrics=("fd100_spectra",), judge="spectra"),
    Proof(
        name="texts",
        plugin="gumbel-gan",
        dataset="brackets",
        metrics=("balanced200",),
        judge="balanced",
        suffix=".txt",
        settings={"generator_optimizer.learning_rate": 0.01},
    ),
    Proof(name="rows", plugin="table-gan", dataset="people", metrics=("marginals400",), judge="marginals"),
    Proof(
        name="clips",
        plugin="clip-gan",
        dataset="squares",
        metrics=("fd60_motion",),
        judge="motion",
        suffix=".gif",
        options={"frames": 8, "height": 16, "dataset.width": 16},
        settings={"training.horizontal_flip": True, "training.dequantise": True},
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
def test_it_keeps_its_promises(proof: Proof) -> None:
    """Those that every plugin makes."""
    check_keeps_its_promises(proof)


@pytest.mark.slow
def test_its_steps_are_captured(proof: Proof) -> None:
    """To the same bits."""
    check_captured_steps(proof)


@pytest.mark.slow
def test_its_steps_are_compiled(proof: Proof) -> None:
    """To the same losses."""
    check_compiled_steps(proof)

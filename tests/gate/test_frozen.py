"""The frozen samples in a verdict: what head's own code says of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganbench import Finding, Policy
from ganbench.fleet.worker import WorkerFailed
from ganbench.verdict.stored import compare_records
from ganbench_gate import frozen
from ganbench_gate.frozen import FrozenVerdict, check_frozen_samples, compare_frozen_score, frozen_verdict
from ganbench_gate.side import Side
from ganbench_gate.stored_quality import quality_findings

ROOT = Path(__file__).parents[2]


def metric(**changes: Any) -> dict[str, Any]:
    """Return what the process says of one metric."""
    return {"name": "fd500_digits", "label": "FD digits", "stored": 20.0, "measured": 20.0, "differences": [], **changes}


def answer(*metrics: dict[str, Any], name: str = "digits", error: str = "") -> dict[str, Any]:
    """Return what the process says of one set."""
    return {"samples": name, "error": error, "metrics": list(metrics)}


def only(*sets: dict[str, Any], **policy: Any) -> Finding:
    """Return the only finding of what the process said."""
    (found,) = frozen_verdict(sets, Policy(**policy)).findings
    return found


@pytest.mark.parametrize(("measured", "state"), [(20.0, "unchanged"), (20.019, "unchanged"), (20.03, "regressed"), (19.0, "regressed")])
def test_a_metric_must_give_the_stored_value_to_one_in_a_thousand(measured: float, state: str) -> None:
    """A drift in either direction: better is as wrong as worse."""
    found = only(answer(metric(measured=measured)))
    assert (found.state, found.metric, found.label) == (state, "frozen.fd500_digits", "FD digits of the frozen samples")
    assert (found.tier, found.gate, found.fails) == ("deterministic", "fail", state == "regressed")


def test_a_value_that_is_gone_fails_and_one_without_a_stored_value_is_open() -> None:
    """A metric cannot be dropped unseen."""
    assert only(answer(metric(measured=None))).state == "missing"
    assert only(answer(metric(measured=None))).fails
    assert only(answer(metric(stored=None))).state == "inconclusive"


def test_samples_that_cannot_be_scored_fail() -> None:
    """Damaged weights are no reason to pass."""
    found = only(answer(error="WeightsError: damaged"))
    assert (found.state, found.reason) == ("missing", "they cannot be scored: WeightsError: damaged")
    assert found.fails


def test_the_differing_fields_of_the_evaluation_key_are_told() -> None:
    """They say where the drift comes from."""
    found = only(answer(metric(measured=25.0, differences=[["implementation", "frechet-1", "frechet-2"]])))
    assert found.reason == "the evaluation key differs: implementation was frechet-1 and is frechet-2"


def test_two_sets_are_told_apart_and_a_drift_can_be_intended() -> None:
    """By the name of the set; a gate is given by the metric's name."""
    found = frozen_verdict([answer(metric()), answer(metric(measured=30.0), name="other")], Policy(gates={"frozen.fd500_digits": "warn"}))
    assert [(one.cell, one.state, one.fails) for one in found.findings] == [("digits", "unchanged", False), ("other", "regressed", False)]


@pytest.mark.parametrize(("said", "words"), [(None, "this version of head has no frozen samples"), ([], "no plugin has frozen samples")])
def test_that_nothing_was_checked_is_a_note(said: list[Any] | None, words: str) -> None:
    """An older version, or plugins that are switched off, must not look like a pass."""
    assert frozen_verdict(said, Policy()) == FrozenVerdict(notes=(f"{words}, so that the metrics themselves were not checked",))


@pytest.mark.slow
def test_the_checkout_scores_its_own_samples() -> None:
    """The real process with the real samples: every metric of all six families is unchanged."""
    found = check_frozen_samples(Side(name="head", plugin="dcgan", tree=ROOT), Policy(), threads=1, device="cpu")
    assert {one.metric.removeprefix("frozen.").partition("500")[0] for one in found.findings} == {
        "fd", "fd_inf", "kd", "kd_std", "kd_full", "cs", "cs_std", "precision", "recall", "density", "coverage",
        "sw", "mmd_rbf",
    }  # fmt: skip
    assert {one.state for one in found.findings} == {"unchanged"}
    assert found.notes == ()


def test_an_older_tree_without_frozen_samples_is_told(tmp_path: Path) -> None:
    """Its code, and not that of this process, is asked."""
    for name in ("ganbench", "ganbench/evaluation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    found = check_frozen_samples(Side(name="old", plugin="dcgan", tree=tmp_path), Policy(), threads=1)
    assert found.notes == ("this version of head has no frozen samples, so that the metrics themselves were not checked",)


def test_a_tree_that_breaks_is_a_failure(tmp_path: Path) -> None:
    """With its last words; the answer's channel is not mixed with what it prints."""
    (tmp_path / "ganbench/testing").mkdir(parents=True)
    (tmp_path / "ganbench/__init__.py").write_text("print('hello')")
    (tmp_path / "ganbench/testing/__init__.py").touch()
    (tmp_path / "ganbench/testing/frozen.py").write_text("raise RuntimeError('broken on purpose')")
    with pytest.raises(WorkerFailed, match="ended with exit code 1") as caught:
        check_frozen_samples(Side(name="broken", plugin="dcgan", tree=tmp_path), Policy(), threads=1)
    assert caught.value.last_words[-1] == "RuntimeError: broken on purpose"


def test_of_stored_runs_only_quality_and_lost_cells_count(make_record: Any) -> None:
    """Their speed was measured on another day, and their counts are compared with BASE."""
    slow = [make_record(seed=seed, run_id=f"r{seed}", status="complete" if seed else "failed") for seed in range(3)]
    base = [make_record(seed=seed, run_id=f"b{seed}") for seed in range(3)]
    comparison = compare_records(base, slow, Policy(), base_name="baseline:main", head_name="results/head")
    found, notes = quality_findings(comparison)
    assert {one.tier for one in comparison.findings} > {one.tier for one in found}
    assert {one.metric for one in found if one.tier == "deterministic"} == {"run"}
    assert any(one.metric == "fd1k_digits" for one in found)
    assert notes[0] == "quality is of the runs results/head against baseline:main, and n counts runs there"


def test_the_script_needs_nothing_to_be_imported_first() -> None:
    """It is run by its path with another version's sources, so that it must not import its neighbours at the top."""
    script = str(Path(frozen.__file__).with_name("frozen_process.py"))
    code = f"import runpy, sys; runpy.run_path({script!r}); print('ganbench' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_stored_value_is_the_base() -> None:
    """So that the table shows what it was and what it is."""
    found = compare_frozen_score("fd500_digits", "FD digits", 20.0, 25.0, Policy())
    assert (found.base, found.head) == (20.0, 25.0)


@pytest.mark.parametrize(("measured", "state"), [(17.513, "unchanged"), (17.52, "unchanged"), (17.54, "regressed"), (17.4, "regressed")])
def test_the_frozen_samples_must_keep_their_score(measured: float, state: str) -> None:
    """To a thousandth, in either direction: it is the metric that drifts."""
    found = compare_frozen_score("fd5k_digits", "FD digits", 17.513, measured, Policy())
    assert (found.metric, found.state) == ("frozen.fd5k_digits", state)


@pytest.mark.parametrize(
    ("stored", "measured", "state"),
    [(-2.0, -2.0, "unchanged"), (-2.0, -2.001, "unchanged"), (-2.0, -2.1, "regressed"), (-2.0, 1.0, "regressed"), (1.0, -1.0, "regressed")],
)
def test_a_frozen_score_below_zero_is_compared_too(stored: float, measured: float, state: str) -> None:
    """A kernel distance of samples that are as good as real."""
    assert compare_frozen_score("kd500_digits", "KD digits", stored, measured, Policy()).state == state

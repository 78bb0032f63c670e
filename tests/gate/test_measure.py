"""From fake pairs to verdicts: looks, budget, facts, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench import Comparison, Policy
from ganbench.fleet.worker import Launch
from ganbench.report.words import verdict_sentence
from ganbench_gate import measure
from ganbench_gate.lockstep import PairPlan
from ganbench_gate.measure import AbPlan, Measurement, samples_json
from ganbench_gate.side import Refusal, Side, SidesFailed, make_launch

Fake = Callable[..., Launch]
Start = Callable[..., Measurement]


@pytest.fixture
def start(fake: Fake, quick_plan: PairPlan, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a maker of measurements whose processes are fakes: ``start(head={"step_seconds": 0.02}, seconds=1)``."""

    def make(base: Any = None, head: Any = None, tree: Path | None = None, **changes: Any) -> Measurement:
        given = {"base": base or {}, "head": head or {}, "null": base or {}}
        sides = {role: {**one, "resolved": None} for role, one in given.items()}
        monkeypatch.setattr(measure, "make_launch", lambda role, side, **_: fake(role, **sides[role]))
        said = {role: one.get("resolved", {}) for role, one in given.items()}
        monkeypatch.setattr(measure, "make_resolve_launch", lambda role, side, **_: fake(role, resolved=said[role]))
        plan = AbPlan(
            base=Side(name="old", plugin="dcgan", tree=tree),
            head=Side(name="new", plugin="dcgan", tree=tree),
            policy=Policy(looks=(2, 3, 4)),
            pair=quick_plan,
            seconds=600.0,
        )
        return Measurement(dataclasses.replace(plan, **changes), lambda said: None)

    return make


def states(comparison: Comparison) -> dict[str, str]:
    return {finding.metric: finding.state for finding in comparison.findings}


def test_identical_sides_are_unchanged_at_the_first_look(start: Start) -> None:
    """Equal times, counts, hashes and memory: everything is unchanged, and no further pair is run."""
    measurement = start()
    comparison = measurement.run()
    assert len(measurement.pairs) == 2
    assert set(states(comparison).values()) == {"unchanged"}
    assert comparison.exit_code == 0
    assert {"samples_per_second", "phase_milliseconds.joint", "startup_seconds", "data_hash", "trajectory_hash"} <= set(states(comparison))
    assert {"op_count", "flops_per_iteration", "checkpoint_bytes", "optimizer_numbers", "peak_memory_mib"} <= set(states(comparison))


def test_a_slower_head_regresses(start: Start) -> None:
    """A tenth slower in each pair fails the gate."""
    comparison = start(head={"step_seconds": 0.011}).run()
    assert states(comparison)["samples_per_second"] == "regressed"
    assert comparison.exit_code == 1


def test_a_faster_head_improves(start: Start) -> None:
    """The direction of the metric is that of images per second."""
    assert states(start(head={"step_seconds": 0.008}).run())["samples_per_second"] == "improved"


@pytest.mark.parametrize(
    ("facts", "metric"),
    [
        ({"op_count": 300}, "op_count"),
        ({"checkpoint_bytes": 8192}, "checkpoint_bytes"),
        ({"optimizer_numbers": 6000}, "optimizer_numbers"),
        ({"flops_per_iteration": 2 * 10**9}, "flops_per_iteration"),
        ({"peak_rss_mib": 900.0}, "peak_memory_mib"),
    ],
)
def test_more_of_what_has_no_noise_regresses(start: Start, facts: dict[str, Any], metric: str) -> None:
    """One pair tells it exactly, and speed is not concerned."""
    comparison = start(head={"facts": facts}).run()
    assert [finding.metric for finding in comparison.failures] == [metric]


def test_other_parameters_and_other_data_regress(start: Start) -> None:
    """Another network or other images are no comparison of speed alone."""
    comparison = start(head={"generator_parameters": 1001, "data_hash": "ef" * 32}).run()
    assert {finding.metric for finding in comparison.failures} == {"generator_parameters", "data_hash"}


def test_other_losses_are_told_and_pass(start: Start) -> None:
    """Another trajectory decides nothing: quality may have changed or not."""
    comparison = start(head={"facts": {"trajectory_hash": "ef" * 32}}).run()
    assert states(comparison)["trajectory_hash"] == "inconclusive"
    assert comparison.exit_code == 0


def test_device_memory_has_the_hosts_beside_it(start: Start) -> None:
    """On a GPU the peak memory is the device's."""
    comparison = start(base={"facts": {"peak_device_mib": 100.0}}, head={"facts": {"peak_device_mib": 120.0}}).run()
    assert states(comparison)["peak_memory_mib"] == "regressed"
    assert states(comparison)["peak_rss_mib"] == "unchanged"


def test_the_null_ratio_is_between_processes_where_there_is_a_second_base(start: Start) -> None:
    """With a second base process in each pair, the null ratio is of processes."""
    found = start(with_null=True).run().findings[0]
    assert found.null is not None
    assert found.null.between_processes


@pytest.mark.slow
def test_the_looks_go_on_while_it_is_undecided(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs that disagree need a third and a fourth."""
    measurement = start()
    speeds = iter([1.0, 1.2, 1.0, 1.2])
    run_pair = measure.run_pair

    def vary(*arguments: Any, **options: Any) -> Any:
        pair = run_pair(*arguments, **options)
        factor = next(speeds)
        pair.sides["head"].samples_per_second = [factor * value for value in pair.sides["head"].samples_per_second]
        return pair

    monkeypatch.setattr(measure, "run_pair", vary)
    comparison = measurement.run()
    assert len(measurement.pairs) == 4
    assert states(comparison)["samples_per_second"] == "inconclusive"


def test_the_budget_ends_it_after_two_pairs(start: Start) -> None:
    """However short it is, there are two pairs, and a note says that there should have been more."""
    measurement = start(seconds=0.001, policy=Policy(looks=(5, 8)))
    comparison = measurement.run()
    assert len(measurement.pairs) == 2
    assert "the time was over after 2 of 5 pairs" in comparison.notes


def test_a_failure_keeps_the_pairs_before_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured can be kept although the third pair died."""
    measurement, run_pair = start(policy=Policy(looks=(5,))), measure.run_pair

    def die_later(*arguments: Any, **options: Any) -> Any:
        if len(measurement.pairs) == 2:
            raise SidesFailed({"head": Refusal(kind="broken", message="head died")})
        return run_pair(*arguments, **options)

    monkeypatch.setattr(measure, "run_pair", die_later)
    comparison = measurement.run()
    assert (comparison.outcome, comparison.exit_code, states(comparison)["run"]) == ("broken", 1, "broken")
    assert states(comparison)["op_count"] == "unchanged"
    text = samples_json(Side(name="old", plugin="dcgan"), Side(name="new", plugin="dcgan"), measurement.pairs, machine="", seed=0)
    assert [len(pair["sides"]["head"]["samples_per_second"]) for pair in json.loads(text)["pairs"]] == [6, 6]


def test_a_side_that_would_run_the_others_code_is_refused(start: Start, tmp_path: Path) -> None:
    """A base without the plugin's package would silently take head's."""
    comparison = start(base={"foreign": ["ganbench_dcgan"]}, tree=tmp_path).run()
    assert (comparison.outcome, comparison.exit_code) == ("new", 0)
    assert "its tree has no ganbench_dcgan of its own" in comparison.findings[0].reason
    comparison = start(head={"foreign": ["ganbench_dcgan"]}, tree=tmp_path).run()
    assert (comparison.outcome, comparison.exit_code) == ("broken", 1)


def test_a_tree_of_which_nothing_is_run_is_refused(start: Start, tmp_path: Path) -> None:
    """Two times the installed code would be compared."""
    comparison = start(head={"from_tree": []}, tree=tmp_path).run()
    assert (comparison.outcome, comparison.exit_code) == ("not-comparable", 4)
    assert "runs the code in /tree/ganbench" in comparison.findings[0].reason


def test_borrowed_packages_that_make_nothing_are_a_note(start: Start) -> None:
    """A plugin that was only registered does not matter, and is told."""
    assert "base imported ganbench_other from another tree" in start(base={"foreign": ["ganbench_other"]}).run().notes


def test_another_torch_is_told(start: Start) -> None:
    """Isolated environments may have two; what differs between them is then the library's doing as well as the code's."""
    notes = start(base={"torch": "2.11.0"}).run().notes
    assert "base runs with torch 2.11.0 and head with 2.15.0, which is part of what is compared" in notes


def test_losses_that_differ_within_base_are_not_compared(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where base does not repeat its own losses, another trajectory of head means nothing."""
    measurement, run_pair = start(), measure.run_pair

    def vary(*arguments: Any, **options: Any) -> Any:
        pair = run_pair(*arguments, **options)
        pair.sides["base"].facts["trajectory_hash"] = str(len(measurement.pairs))
        return pair

    monkeypatch.setattr(measure, "run_pair", vary)
    comparison = measurement.run()
    assert "trajectory_hash" not in states(comparison)
    assert any("differ from process to process" in note for note in comparison.notes)


def test_a_side_runs_with_its_own_sources_in_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree's folders come before what the user has; threads are pinned; nothing is evaluated."""
    (tmp_path / "plugins").mkdir()
    monkeypatch.setenv("PYTHONPATH", "/mine")
    launch = make_launch("base", Side(name="old", plugin="dcgan", tree=tmp_path, settings={"training.seed": "3"}), threads=2)
    assert launch.environment["PYTHONPATH"] == f"{tmp_path}:{tmp_path / 'plugins'}:/mine"
    assert launch.environment["OMP_NUM_THREADS"] == "2"
    settings = launch.job["settings"]
    assert settings["training.seed"] == "3"
    assert (settings["training.threads"], settings["evaluation.metrics"]) == (2, "none")
    json.dumps(launch.job)


def test_equal_fingerprints_are_equal_quality(start: Start) -> None:
    """Steps and evaluation are the same all over the budget."""
    comparison = start().run()
    assert (comparison.quality, states(comparison)["whole_run"]) == ("equal", "unchanged")


def test_another_evaluation_is_told_first_and_its_quality_is_untested(start: Start) -> None:
    """Losses, counts and settings are the same: it passes, and the first line says what was not tested."""
    unlike = {"before": {"budget": "12"}, "0 %": {"generator": "34", "evaluated samples": "78"}}
    comparison = start(head={"fingerprint": {"digests": unlike, "metrics": [], "kimg": 80.0}}).run()
    assert (comparison.outcome, comparison.quality, comparison.exit_code) == ("passed", "untested", 0)
    assert [(one.key, one.field) for one in comparison.changes] == [("evaluation", "evaluated samples at 0 % of the budget")]
    assert "quality was not tested" in verdict_sentence(comparison)


def test_a_leak_fails_and_is_named(start: Start) -> None:
    """One tensor for each step, and none in base."""
    grown = {"per_step": {"tensor": 1.0, "graph node": 0.0}, "named": [["tensor float32[]", 1.0, 4.0]], "steps": 60}
    comparison = start(head={"facts": {"object_growth": grown}}).run()
    (failure,) = comparison.failures
    assert failure.metric == "object_growth"
    assert "1 tensor float32[]" in failure.reason


LOST = {"configuration": {"training.ema_halflife_kimg": 0.0}, "versions": {"torch": "2.15.0"}}
KEPT = {"configuration": {"training.ema_halflife_kimg": 2.0}, "versions": {"torch": "2.15.0"}}


def prints(samples: str, rate: float) -> dict[str, Any]:
    """Return the fingerprint of a run whose learning rate falls to a value in the middle."""
    digests = {"before": {"budget": "12"}, "50 %": {"generator": "34", "evaluated samples": samples}}
    return {"digests": digests, "schedules": {"learning rate of generator_optimizer": {"0": 1.0, "50": rate}}, "metrics": [], "kimg": 100.0}


def test_another_configuration_is_the_first_line(start: Start) -> None:
    """Although every number is the same: a lost average shows in no step."""
    comparison = start(base={"resolved": KEPT}, head={"resolved": LOST, "fingerprint": prints("78", 0.5)}).run()
    assert (comparison.outcome, comparison.quality) == ("passed", "untested")
    assert verdict_sentence(comparison).startswith(
        "passed, but the configuration changed: training.ema_halflife_kimg 2.0 -> 0.0; quality was not tested ("
    )


@pytest.mark.slow(keep=2)
@pytest.mark.parametrize(
    ("facts", "fingerprint", "text"),
    [
        ({"operators": {"aten::add": 4, "aten::repeat": 2}}, prints("78", 0.5), "+2 aten::repeat in the step"),
        ({"step_hashes": ["a", "b", "x"]}, prints("78", 0.5), "losses from step 3 on"),
        ({}, prints("78", 0.5), "evaluated samples at 50 % of the budget"),
        ({}, prints("78", 0.0), "learning rate of generator_optimizer from 50 kimg on 0.5 -> 0"),
    ],
)
def test_other_mathematics_is_the_first_line(start: Start, facts: dict[str, Any], fingerprint: dict[str, Any], text: str) -> None:
    """By what the first pair shows of it."""
    same = {"operators": {"aten::add": 4}, "step_hashes": ["a", "b", "c"]}
    base = {"facts": same, "fingerprint": prints("56", 0.5)}
    comparison = start(base=base, head={"facts": same | facts, "fingerprint": fingerprint}).run()
    assert f"the mathematics changed: {text}; quality was not tested" in verdict_sentence(comparison)
    assert start(base=base, head=base).run().changes == ()


@pytest.mark.slow
def test_a_version_that_cannot_say_something_differs_in_nothing(start: Start) -> None:
    """An old tree knows no hashes of steps, no schedules and no evaluation."""
    assert start(head={"facts": {"step_hashes": ["a"], "operators": {"aten::add": 1}}}).run().changes == ()
    assert start(base={"resolved": {}}, head={"resolved": LOST}).run().changes == ()


@pytest.mark.slow
def test_a_head_that_does_not_repeat_itself_fails(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the step at which its processes part; where base does not either, it is no fault of head."""
    fails = start()
    run_pair = measure.run_pair

    def vary(measurement: Measurement, roles: tuple[str, ...]) -> None:
        def pair_of(*arguments: Any, **options: Any) -> Any:
            pair = run_pair(*arguments, **options)
            for role in ("base", "head"):
                last = str(len(measurement.pairs)) if role in roles else "c"
                pair.sides[role].facts["step_hashes"] = ["a", "b", last]
            return pair

        monkeypatch.setattr(measure, "run_pair", pair_of)

    vary(fails, ("head",))
    comparison = fails.run()
    assert (comparison.outcome, states(comparison)["repeatability"]) == ("failed", "regressed")
    assert verdict_sentence(comparison).startswith(
        "failed: dcgan: head's processes do not repeat themselves: with one seed their losses part at step 3; those of base agree"
    )
    for roles, state in ((("base", "head"), "unchanged"), (("base",), "improved"), ((), "unchanged")):
        measurement = start()
        vary(measurement, roles)
        assert states(measurement.run())["repeatability"] == state


def test_what_was_ended_is_marked_and_keeps_what_there_is(start: Start) -> None:
    """Whatever ended it."""
    measurement = start()
    measurement.run()
    comparison = measurement.interrupted("it was ended from outside", 130)
    assert (comparison.outcome, comparison.exit_code) == ("interrupted", 130)
    assert states(comparison)["op_count"] == "unchanged"

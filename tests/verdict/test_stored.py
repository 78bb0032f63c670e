"""Stored records: cells, keys, lost and doubled runs, and the whole verdict."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest

from ganbench.record.record import MIXED_MACHINES, RunRecord
from ganbench.verdict.findings import Comparison, Finding
from ganbench.verdict.policy import Policy
from ganbench.verdict.stored import compare_records

Runs = Callable[..., list[RunRecord]]
Run = Callable[..., RunRecord]
TEN = [20.0, 20.3, 19.6, 20.9, 19.1, 20.1, 19.9, 20.5, 19.4, 20.7]
FIVE = [20.2, 19.8, 20.6, 19.5, 20.4]
SPEEDS = [1000.0, 1010.0, 990.0, 1005.0, 995.0]


def compare(base: list[RunRecord], head: list[RunRecord], **policy: Any) -> Comparison:
    """Return the verdict under the built-in policy, or parts of another."""
    return compare_records(base, head, Policy(**policy))


def of(comparison: Comparison, metric: str) -> Finding:
    """Return the one finding of a metric."""
    (found,) = [found for found in comparison.findings if found.metric == metric]
    return found


def test_five_seeds_against_ten_of_the_same_code_are_unchanged_throughout(make_runs: Runs) -> None:
    """Every gated metric has a finding, the machine is named, and the gate passes also strictly."""
    comparison = compare(make_runs(TEN), make_runs(FIVE, [1250.0 + 2 * seed for seed in range(5)]), strict=True)
    assert comparison.exit_code == 0
    assert {found.state for found in comparison.findings if found.gate == "fail"} == {"unchanged"}
    assert {"generator_parameters", "data_hash", "peak_memory_mib", "samples_per_second", "fd1k_digits"} <= {
        found.metric for found in comparison.findings
    }
    assert (comparison.kind, comparison.machine, comparison.new) == ("stored", "Test CPU, 2 cores, 24 GiB", ())
    assert {found.cell for found in comparison.findings} == {"dcgan digits"}


def test_code_may_differ_and_nothing_else(make_runs: Runs) -> None:
    """The source hash in the work key is the one allowed difference."""
    comparison = compare(make_runs(TEN, code="ab"), make_runs(FIVE, code="cd"))
    assert comparison.exit_code == 0
    assert of(comparison, "fd1k_digits").state == "unchanged"


def test_worse_quality_fails(make_runs: Runs) -> None:
    """And speed beside it is judged on its own."""
    comparison = compare(make_runs(TEN), make_runs([1.3 * value for value in FIVE]))
    assert (comparison.exit_code, [found.metric for found in comparison.failures]) == (1, ["fd1k_digits"])


def test_a_slowdown_of_replicated_runs_fails(make_runs: Runs) -> None:
    """By more than 10 percent on a CPU, by more than 5 on a GPU."""
    slower = [speed / 1.08 for speed in SPEEDS]
    gpu = {"gpu": "NVIDIA H200", "gpu_count": 1}
    on_cpu = compare(make_runs(FIVE, SPEEDS), make_runs(FIVE, slower))
    on_gpu = compare(make_runs(FIVE, SPEEDS, hardware=gpu), make_runs(FIVE, slower, hardware=gpu))
    assert (of(on_cpu, "samples_per_second").state, of(on_gpu, "samples_per_second").state) == ("unchanged", "regressed")
    assert (on_cpu.exit_code, on_gpu.exit_code) == (0, 1)


def test_a_single_run_on_each_side_decides_what_has_no_noise_and_says_why_no_more(make_run: Run) -> None:
    """Counts and memory are decided, speed and quality stay open; with strict that fails."""
    base, head = [make_run(0, 20.0, 1000.0)], [make_run(0, 40.0, 500.0)]
    comparison = compare(base, head)
    assert comparison.exit_code == 0
    assert of(comparison, "generator_parameters").state == "unchanged"
    for metric in ("samples_per_second", "fd1k_digits"):
        assert of(comparison, metric).state == "inconclusive"
        assert "1 against 1 runs can never be significant by ranks" in of(comparison, metric).reason
    assert compare(base, head, strict=True).exit_code == 1


def test_other_counts_fail(make_runs: Runs) -> None:
    """Parameters are exact; FLOPs that could not be counted in head are missing."""
    more = compare(make_runs(FIVE), make_runs(FIVE, counts={"parameters": {"generator": 1_068_737, "discriminator": 662_528}}))
    lost = compare(make_runs(FIVE), make_runs(FIVE, counts={"flops_per_iteration": 0}))
    assert [found.metric for found in more.failures] == ["generator_parameters"]
    assert [(found.metric, found.state) for found in lost.failures] == [("flops_per_iteration", "missing")]
    never = compare(make_runs(FIVE, counts={"flops_per_iteration": 0}), make_runs(FIVE))
    assert "flops_per_iteration" not in {found.metric for found in never.findings}


def test_other_data_fails(make_runs: Runs) -> None:
    """Its content is part of what must be equal."""
    comparison = compare(make_runs(FIVE), make_runs(FIVE, dataset_hash="ee" * 32))
    assert (of(comparison, "data_hash").state, comparison.exit_code) == ("regressed", 1)


def test_another_machine_refuses_speed_and_names_the_fields(make_runs: Runs) -> None:
    """Counts and quality are compared across machines all the same."""
    comparison = compare(make_runs(TEN), make_runs(FIVE, hardware={"cpu": "Other CPU", "cpu_cores": 64}))
    speed = of(comparison, "samples_per_second")
    assert speed.state == "not-comparable"
    assert [(d.key, d.field, d.base, d.head) for d in speed.differences] == [
        ("hardware", "cpu", "Test CPU", "Other CPU"),
        ("hardware", "cpu_cores", 2, 64),
    ]
    assert [d.field for d in of(comparison, "peak_memory_mib").differences] == ["cpu"]
    assert (of(comparison, "fd1k_digits").state, of(comparison, "generator_parameters").state) == ("unchanged", "unchanged")
    assert (comparison.exit_code, comparison.machine) == (0, "Test CPU, 2 cores, 24 GiB; Other CPU, 64 cores, 24 GiB")
    assert compare(make_runs(TEN), make_runs(FIVE, hardware={"cpu": "Other CPU"}), strict=True).exit_code == 1


def test_memory_of_the_same_gpu_is_compared_beside_other_processors(make_runs: Runs) -> None:
    """The model of the device counts, and the software."""
    gpu = {"gpu": "NVIDIA H200", "gpu_memory_gib": 140, "gpu_count": 1}
    base, head = make_runs(FIVE, hardware=gpu, memory=1000.0), make_runs(FIVE, hardware={**gpu, "cpu": "Other CPU"}, memory=1100.0)
    assert of(compare(base, head), "peak_memory_mib").state == "regressed"
    newer = make_runs(FIVE, hardware=gpu, memory=1100.0, software={"torch": "2.16.0"})
    found = of(compare(base, newer), "peak_memory_mib")
    assert (found.state, [(d.field, d.base, d.head) for d in found.differences]) == ("not-comparable", [("torch", "2.15.0", "2.16.0")])


def test_two_machines_on_one_side_are_never_put_into_one_number(make_runs: Runs, make_run: Run) -> None:
    """Only the runs of the shared machine are compared, and what was left out is told."""
    base = make_runs(FIVE, SPEEDS) + [make_run(seed, 20.0, 9000.0, side="fast", hardware={"cpu": "Fast CPU"}) for seed in (5, 6)]
    comparison = compare(base, make_runs(FIVE, SPEEDS))
    speed = of(comparison, "samples_per_second")
    assert (speed.state, speed.num_base, speed.base) == ("unchanged", 5, 1000.0)
    assert "left out under other keys: 2 base runs (hardware cpu)" in speed.reason
    assert of(comparison, "fd1k_digits").num_base == 7


def test_a_run_of_two_machines_has_no_speed(make_runs: Runs) -> None:
    """Its times are a mixture of both."""
    note = MIXED_MACHINES
    mixed = make_runs(FIVE, SPEEDS, notes=(note,))
    comparison = compare(make_runs(FIVE, SPEEDS), mixed)
    assert of(comparison, "samples_per_second").state == "not-comparable"
    assert of(comparison, "samples_per_second").reason.startswith("every run of head was resumed on another machine")
    assert any("was resumed on another machine; its speed and memory are left out" in text for text in comparison.notes)
    some = compare(make_runs(FIVE, SPEEDS), [*make_runs(FIVE, SPEEDS), *make_runs(TEN, [1.0] * 10, side="mixed", notes=(note,))])
    assert (of(some, "samples_per_second").num_head, of(some, "samples_per_second").head) == (5, 1000.0)


def test_two_runs_of_other_settings_are_not_comparable(make_run: Run) -> None:
    """Exit code 4, with both values of each field."""
    comparison = compare([make_run(work_key={"batch_size": 64})], [make_run(work_key={"batch_size": 128})])
    (found,) = comparison.findings
    assert (comparison.exit_code, found.metric, found.state) == (4, "run", "not-comparable")
    assert [(d.key, d.field, d.base, d.head) for d in found.differences] == [("work", "batch_size", 64, 128)]
    assert found.cell == "dcgan digits batch_size=64"


@pytest.mark.parametrize(("field", "value"), [("training.precision", "bf16"), ("training.runner", "compile"), ("loss.name", "hinge")])
def test_how_it_is_executed_makes_another_cell_too(make_run: Run, field: str, value: str) -> None:
    """Two precisions are not replicates of each other, though the work is the same."""
    config = {"name": "dcgan", "training.precision": "fp32", "training.runner": "auto", "loss.name": "logistic", "training.seed": 0}
    comparison = compare([make_run(config=config)], [make_run(config={**config, field: value, "training.seed": 1})])
    assert comparison.exit_code == 4
    assert [d.field for d in comparison.findings[0].differences] == [field]


def test_a_run_with_an_unneeded_force_is_compared_with_its_twin(make_runs: Runs) -> None:
    """In both directions, and also where the twin's record counts training.force among the work, as those of version 0.1.0 did."""
    plain, forced = ({"name": "dcgan", "training.batch_size": 64, "training.force": force} for force in (False, True))
    for base in (make_runs(TEN, config=plain), make_runs(TEN, config=plain, work_key={"training.force": False})):
        head = make_runs(TEN, config=forced, side="forced")
        for comparison in (compare(base, head), compare(head, base)):
            assert (comparison.exit_code, of(comparison, "fd1k_digits").state) == (0, "unchanged")
            assert not any("setting" in note for note in comparison.notes)


def test_a_lost_cell_is_missing_and_a_new_one_is_told(make_runs: Runs) -> None:
    """A cell under another name is both: nothing is guessed."""
    base = make_runs(FIVE) + make_runs(FIVE, name="wgan")
    comparison = compare(base, make_runs(FIVE) + make_runs(FIVE, name="wgan-gp"))
    (lost,) = comparison.failures
    assert (lost.metric, lost.state, lost.cell, comparison.exit_code) == ("run", "missing", "wgan digits", 1)
    assert comparison.new == ("wgan-gp digits",)
    assert compare(make_runs(FIVE), base).new == ("wgan digits",)
    assert compare(make_runs(FIVE), base).exit_code == 0


def test_a_lost_cell_names_how_the_one_of_its_name_differs(make_runs: Runs) -> None:
    """The batch size of one of two cells changed: it is lost all the same."""
    base = make_runs(FIVE) + make_runs(FIVE, name="wgan")
    comparison = compare(base, make_runs(FIVE) + make_runs(FIVE, name="wgan", work_key={"batch_size": 128}))
    (lost,) = comparison.failures
    assert (lost.state, [(d.field, d.base, d.head) for d in lost.differences]) == ("missing", [("batch_size", 64, 128)])
    assert comparison.new == ("wgan digits batch_size=128",)


def test_a_setting_that_only_newer_records_have_is_the_same_cell(make_runs: Runs) -> None:
    """Where exactly one cell agrees in everything that both say; with two of them nothing is guessed."""
    one = compare(make_runs(TEN), make_runs(FIVE, work_key={"new_option": 1}))
    assert (one.exit_code, of(one, "fd1k_digits").state) == (0, "unchanged")
    assert any("only head has the setting new_option" in note for note in one.notes)
    two = compare(make_runs(TEN), make_runs(FIVE, work_key={"new_option": 1}) + make_runs(FIVE, work_key={"new_option": 2}, side="other"))
    assert (two.exit_code, two.failures[0].state, len(two.new)) == (1, "missing", 2)


def test_cells_of_one_name_are_told_apart_by_what_differs(make_runs: Runs) -> None:
    """The identity stays when other cells come."""
    small, large = make_runs(FIVE, work_key={"batch_size": 64}), make_runs(FIVE, work_key={"batch_size": 128}, side="large")
    both, alone = compare(small + large, small + large), compare(small, small)
    assert {found.cell for found in both.findings} == {"dcgan digits batch_size=64", "dcgan digits batch_size=128"}
    assert {found.cell for found in alone.findings} == {"dcgan digits"}
    assert alone.findings[0].cell_id in {found.cell_id for found in both.findings}


def test_a_record_that_is_given_twice_counts_once(make_runs: Runs) -> None:
    """Otherwise a copy would make replicates of one run."""
    runs = make_runs(FIVE)
    once, twice = compare(runs, runs), compare(runs + runs, runs)
    assert once == twice


def test_a_repeated_seed_is_a_replicate_of_speed_and_not_of_quality(make_runs: Runs, make_run: Run) -> None:
    """Of two runs of a seed the newest counts, and this is told; a clock that stepped back may name the other, and that is told too."""
    older = make_run(0, 99.0, 1000.0, side="old", created="2026-11-20T00:00:00+00:00")
    comparison = compare(make_runs(TEN), [*make_runs(FIVE), older])
    assert (of(comparison, "fd1k_digits").num_head, of(comparison, "samples_per_second").num_head) == (5, 6)
    assert max(of(comparison, "fd1k_digits").head_values) < 99
    assert comparison.notes == ("dcgan digits: head has 2 runs of seed 0; quality is that of the newest, run-dcgan-0",)
    later = dataclasses.replace(older, created="2026-11-23T00:00:00+00:00")
    assert max(of(compare(make_runs(TEN), [*make_runs(FIVE), later]), "fd1k_digits").head_values) == 99


def test_failed_seeds_of_head_fail_the_gate_unless_they_were_repeated(make_runs: Runs, make_run: Run) -> None:
    """A crash is no result; base's own crashes are nobody's regression."""
    crashed = make_run(5, side="crash", status="failed", status_detail="out of memory")
    comparison = compare(make_runs(TEN), [*make_runs(FIVE), crashed])
    (lost,) = comparison.failures
    assert (lost.metric, lost.state, lost.reason) == ("run", "missing", "1 of 6 head runs failed: out of memory")
    assert compare([*make_runs(TEN), crashed], make_runs(FIVE)).exit_code == 0
    repeated = make_run(5, 20.0, 1255.0)
    assert compare(make_runs(TEN), [*make_runs(FIVE), crashed, repeated]).exit_code == 0


@pytest.mark.parametrize("status", ["diverged", "failed", "interrupted"])
def test_a_head_without_a_complete_run_fails(make_runs: Runs, status: str) -> None:
    """However few they are: three seeds that all diverged are no noise of ranks."""
    comparison = compare(make_runs(FIVE[:3]), make_runs(FIVE[:3], status=status))
    assert [(found.metric, found.state, found.reason) for found in comparison.findings] == [
        ("run", "missing", f"head has no complete run: 3 {status}")
    ]
    assert comparison.exit_code == 1


def test_a_base_without_a_complete_run_decides_nothing(make_runs: Runs) -> None:
    """It is no regression of head, and with strict no pass."""
    broken = make_runs(FIVE, status="failed")
    assert (compare(broken, make_runs(FIVE)).exit_code, compare(broken, make_runs(FIVE), strict=True).exit_code) == (0, 1)


def test_interrupted_runs_are_left_out_and_told(make_runs: Runs, make_run: Run) -> None:
    """What was stopped by hand is neither a crash nor a result."""
    comparison = compare(make_runs(TEN), [*make_runs(FIVE), make_run(9, 500.0, side="stopped", status="interrupted")])
    assert (comparison.exit_code, of(comparison, "fd1k_digits").num_head) == (0, 5)
    assert comparison.notes == ("dcgan digits: head run stopped-dcgan-9 is interrupted and left out",)


@pytest.mark.parametrize(("base", "head"), [(True, False), (False, True), (False, False)])
def test_nothing_on_a_side_is_nothing_to_compare(make_runs: Runs, base: bool, head: bool) -> None:
    """Exit code 5, never 0."""
    comparison = compare(make_runs(FIVE) if base else [], make_runs(FIVE) if head else [])
    assert (comparison.exit_code, comparison.findings) == (5, ())


@pytest.mark.parametrize("speed", [0.0, float("nan"), float("inf")])
def test_a_speed_that_is_no_speed_is_not_compared(make_runs: Runs, speed: float) -> None:
    """In head it is missing, in base there is nothing to compare with."""
    broken = make_runs(FIVE, [speed] * 5)
    lost = compare(make_runs(FIVE, SPEEDS), broken)
    assert of(lost, "samples_per_second").state == "missing"
    assert lost.exit_code == 1
    assert "samples_per_second" not in {found.metric for found in compare(broken, make_runs(FIVE, SPEEDS)).findings}


def test_the_losses_of_the_first_iterations_warn_and_only_on_one_machine(make_runs: Runs) -> None:
    """Other bits on another machine say nothing."""
    base = make_runs(FIVE, trajectory="aa")
    here, there = make_runs(FIVE, trajectory="bb"), make_runs(FIVE, trajectory="bb", hardware={"cpu": "Other CPU"})
    changed, elsewhere, same = (of(compare(base, head), "trajectory_hash") for head in (here, there, base))
    assert (changed.state, elsewhere.state, same.state) == ("inconclusive", "not-comparable", "unchanged")
    assert changed.reason == "differs for seed 0, seed 1, seed 2, seed 3, seed 4"
    assert not changed.is_open


def test_edited_and_mixed_sources_are_told(make_runs: Runs, make_run: Run) -> None:
    """The same version with other sources is a tree that was edited."""
    base = make_runs(FIVE)
    plugin = dataclasses.replace(base[0].plugins[0], source_hash="ff" * 32)
    edited = (plugin, *base[0].plugins[1:])
    comparison = compare(base, make_runs(FIVE, plugins=edited))
    assert comparison.notes == (
        "dcgan digits: architecture dcgan says the same version on both sides and has other sources, so a tree was edited: "
        "ganbench 0.1.0 abababab / ganbench 0.1.0 ffffffff",
    )
    mixed = compare(base, [*make_runs(FIVE), make_run(5, 20.0, plugins=edited)])
    assert "dcgan digits: head mixes 2 sources of architecture dcgan: ganbench 0.1.0 abababab, ganbench 0.1.0 ffffffff" in mixed.notes


def test_phases_and_startup_are_told_and_not_gated(make_runs: Runs) -> None:
    """A start-up ten times as long fails nothing."""
    base = make_runs(FIVE)
    slow = [dataclasses.replace(run, timing=dataclasses.replace(run.timing, startup_seconds=20.0)) for run in make_runs(FIVE)]
    comparison = compare(base, slow)
    assert (of(comparison, "startup_seconds").state, comparison.exit_code) == ("regressed", 0)
    assert {"phase_milliseconds.discriminator", "phase_milliseconds.generator"} <= {found.metric for found in comparison.findings}


def test_the_order_of_the_records_changes_nothing(make_runs: Runs) -> None:
    """Records come from a folder in any order."""
    base, head = make_runs(TEN), make_runs([1.3 * value for value in FIVE])
    expected = compare(base, head)
    for runs in (base, head):
        random.Random(0).shuffle(runs)
    assert compare(base, head).findings == expected.findings

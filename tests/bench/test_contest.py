"""From a case to its rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ganbench_bench.interval import Interval
from ganbench_bench.kernels import bench
from ganbench_bench.kernels.bench import KernelSettings, in_turns, measure_kernels
from ganbench_bench.kernels.case import Case, Implementation
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.contest import MAX_SETS, Effort, contest, num_sets
from ganbench_bench.kernels.implementations import against_compiling, implementations
from ganbench_bench.kernels.row import KernelRow
from ganbench_bench.kernels.sizes import GPU, QUICK
from ganbench_bench.names import LAYOUTS, OPS

CPU = torch.device("cpu")
SHORT = Effort(blocks=2, seconds=1e-5)


@pytest.fixture
def case() -> Case:
    """The quantiser on a few pixels."""
    found = cases_of("to_uint8", QUICK, (torch.float32,), LAYOUTS)
    assert not isinstance(found, Missing)
    return found[0]


def run(case: Case, **functions: object) -> list:
    return contest(case, "forward", functions, CPU, effort=SHORT, copy_gb_per_second=10.0)  # type: ignore[arg-type]


def about(value: float) -> Interval:
    return Interval(median=value, low=value, high=value)


def test_a_wrong_result_has_no_speed(case: Case) -> None:
    """It is a row that says what is wrong; the others are timed, and nothing is compared with it."""
    rows = run(case, eager=case.plain, compile=lambda x: case.plain(x) // 2, ours=case.plain)
    assert [row.status for row in rows] == ["ok", "wrong", "ok"]
    assert rows[1].measured is None
    assert rows[1].reason.startswith("wrong: result 0: ")
    assert rows[2].measured.speedup_over_compile is None
    assert rows[2].measured.speedup_over_eager.median > 0


def test_an_implementation_that_fails_is_a_row_with_its_error(case: Case) -> None:
    """In one line."""

    def broken(x: Tensor) -> Tensor:
        raise RuntimeError("the first line\nthe second")

    rows = run(case, eager=case.plain, compile=broken, ours="Triton needs a GPU")
    assert [(row.status, row.reason) for row in rows] == [
        ("ok", ""),
        ("not run", "RuntimeError: the first line"),
        ("not run", "Triton needs a GPU"),
    ]


def test_figures_follow_from_the_time_and_the_bytes(case: Case) -> None:
    """Bytes over time, and that over the copy's; the baseline's speed-up over itself is 1."""
    (row,) = run(case, eager=case.plain)
    measured = row.measured
    assert measured.gb_per_second == pytest.approx(case.num_bytes["forward"] / measured.microseconds.median / 1e3)
    assert measured.percent_of_copy == pytest.approx(10 * measured.gb_per_second)
    assert measured.speedup_over_eager == Interval(median=1.0, low=1.0, high=1.0)
    assert measured.error < 1e-6
    assert measured.first_seconds > 0
    assert measured.microseconds.low <= measured.microseconds.median <= measured.microseconds.high
    assert (measured.timing, measured.launches, measured.peak_mib, measured.dispatch_microseconds) == ("wall clock", None, None, None)


def test_inputs_in_turn_exceed_three_times_the_cache() -> None:
    """Where they are not too small for that."""
    for num_bytes in (10**6, 10**7, 10**8):
        sets = num_sets(num_bytes, cache_bytes=60 * 2**20)
        assert sets == MAX_SETS or sets * num_bytes > 3 * 60 * 2**20
    assert num_sets(10**9, cache_bytes=60 * 2**20) == 2
    assert num_sets(512, cache_bytes=60 * 2**20) == MAX_SETS


def test_without_a_gpu_our_column_says_why(case: Case) -> None:
    """Not a made-up number, and not the interpreter's."""
    functions = implementations(case, CPU, compiles="--no-compile")
    assert functions == {"eager": case.plain, "compile": "--no-compile", "ours": "Triton needs a GPU"}


def test_without_a_compiler_the_other_column_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that CXX names, or the usual ones."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert against_compiling(CPU) == "torch.compile needs a C++ compiler, and there is no g++ or clang++"
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "there is no no-such-compiler" in against_compiling(CPU)


def test_every_op_has_its_largest_case_first() -> None:
    """In turns, so that a limit of time leaves something of each."""
    found = [cases_of(op, GPU, (torch.float32, torch.bfloat16), LAYOUTS) for op in OPS]
    cases = [case for one in found if not isinstance(one, Missing) for case in one]
    order = [cases[i] for i in in_turns(cases)]
    assert sorted(map(str, order)) == sorted(map(str, cases))
    assert {case.op for case in order[: len(OPS)]} == set(OPS)
    for op in OPS:
        sizes = [case.num_bytes["forward"] for case in order if case.op == op]
        assert sizes == sorted(sizes, reverse=True)


def settings(**changes: object) -> KernelSettings:
    fields = {
        "device": CPU,
        "ops": ("to_uint8", "gan_loss"),
        "dtypes": (torch.float32,),
        "layouts": LAYOUTS,
        "compiles": "off",
        "quick": True,
    }
    return KernelSettings(**{**fields, **changes})  # type: ignore[arg-type]


def test_what_has_no_time_left_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first case of each op fits into the time; the clock moves one second at each look, of which a case has two."""
    now = iter(range(100))
    monkeypatch.setattr(bench.time, "monotonic", lambda: float(next(now)))
    report = measure_kernels(settings(seconds=4.0))
    eager = [row for row in report.rows if row.implementation == "eager" and row.wanted == "forward"]
    assert [(row.op, row.status) for row in eager] == [("to_uint8", "ok"), ("gan_loss", "ok"), *[("gan_loss", "not run")] * 3]
    assert eager[-1].reason == "the limit of 4 s was over (--seconds)"


def test_what_was_measured_before_an_interrupt_is_kept() -> None:
    """Ctrl-C while the second case is made ready: the first has its figures, the others say why they have none."""

    def press(text: str) -> None:
        if text.startswith("2 of"):
            raise KeyboardInterrupt

    report = measure_kernels(settings(), press)
    assert report.is_interrupted
    assert [row.status for row in report.rows[:3]] == ["ok", "not run", "not run"]
    assert {(row.status, row.reason) for row in report.rows[3:]} == {("not run", "interrupted")}


def test_what_is_known_is_kept_after_each_case() -> None:
    """So that a process that is killed has written all but the case that it was at; the rest is rows that say so."""
    kept: list[bench.KernelReport] = []
    final = measure_kernels(settings(), keep=kept.append)
    assert len(kept) == 5
    assert [sum(row.reason == "not reached" for row in report.rows) for report in kept] == [24, 18, 12, 6, 0]
    assert kept[-1].rows == final.rows


def test_fast_p_counts_cases_that_are_right_and_fast() -> None:
    """Of those with a time of the baseline, in which ours was tried: a wrong one is not fast, one that was not reached is no case."""
    (found,) = (cases_of("bias_act", GPU, (torch.bfloat16,), ("channels_last",)),)
    assert not isinstance(found, Missing)

    def row(name: Implementation, eager: float | None, compiled: float | None, *, wrong: bool = False) -> KernelRow:
        if eager is None:
            return KernelRow.of(found[0], "forward", name, "a reason", wrong=wrong)
        (some,) = (one.measured for one in run(found[0], eager=found[0].plain) if one.measured)
        speeds = {"speedup_over_eager": about(eager), "speedup_over_compile": about(compiled) if compiled else None}
        return KernelRow.of(found[0], "forward", name, replace(some, **speeds))

    three = [(1.0, 2.0, 1.2), (1.0, 1.4, 0.9), (1.0, None, None), (1.0, 3.0, None)]
    rows = []
    for place, (eager, ours, compiled) in enumerate(three):
        rows += [row("eager", eager, None), row("compile", 1.0 if compiled or place == 2 else None, 1.0)]
        rows.append(row("ours", ours, compiled, wrong=True))
    shares = {(share.baseline, share.times): (share.num_fast, share.num_cases) for share in bench._shares(rows)}
    assert shares == {("eager", 1.0): (3, 4), ("eager", 1.5): (2, 4), ("compile", 1.0): (1, 3), ("compile", 1.5): (0, 3)}
    not_reached = [row("eager", 1.0, None), row("compile", 1.0, 1.0), row("ours", None, None)]
    assert {share.num_cases for share in bench._shares(not_reached)} == {0}


def test_rows_come_in_the_order_of_the_ops() -> None:
    """Whatever was measured first; each pass has a row for each implementation."""
    said: list[str] = []
    report = measure_kernels(settings(), said.append)
    assert [row.op for row in report.rows] == ["to_uint8"] * 3 + ["gan_loss"] * 4 * 2 * 3
    assert [row.implementation for row in report.rows[:3]] == ["eager", "compile", "ours"]
    assert report.copy_gb_per_second.median > 0
    assert said[0] == "copy bandwidth"
    assert said[1].startswith("1 of 5: ")

"""Tables and JSON of what was measured."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from ganbench import Document, Place
from ganbench.report.formats.markdown import render_markdown
from ganbench.report.formats.terminal import render_terminal
from ganbench_bench.document import document, heading
from ganbench_bench.interval import Interval
from ganbench_bench.kernel_table import kernel_document
from ganbench_bench.kernels.bench import KernelReport
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.row import KernelRow, Measured
from ganbench_bench.kernels.sizes import GPU
from ganbench_bench.names import LAYOUTS
from ganbench_bench.step.bench import StepReport
from ganbench_bench.step.row import Entry, SingleStep, StepRow
from ganbench_bench.step.row import Measured as MeasuredStep
from ganbench_bench.step_table import step_document

CPU = torch.device("cpu")


def about(value: float) -> Interval:
    return Interval(median=value, low=0.99 * value, high=1.01 * value)


def measured(microseconds: float, launches: int) -> Measured:
    return Measured(
        microseconds=about(microseconds),
        gb_per_second=4e5 / microseconds,
        percent_of_copy=1e4 / microseconds,
        speedup_over_eager=about(300 / microseconds),
        speedup_over_compile=about(100 / microseconds),
        launches=launches,
        peak_mib=256.0,
        error=1e-3,
        first_seconds=2.5,
        dispatch_microseconds=about(12.0),
        timing="graph",
        num_sets=2,
        is_cold=True,
        note="",
    )


@pytest.fixture
def kernels() -> KernelReport:
    """As on a GPU: two cases of an op, one implementation wrong, one that cannot run."""
    cases = cases_of("bias_act", GPU, (torch.bfloat16,), LAYOUTS)
    assert not isinstance(cases, Missing)
    first, second = (case for case in cases if case.size == "64x256x64x64" and case.title == "leaky_relu(x + b)")
    rows = []
    for case in (first, second):
        for wanted in case.passes:
            rows.append(KernelRow.of(case, wanted, "eager", measured(300, 3)))
            rows.append(KernelRow.of(case, wanted, "compile", measured(100, 1)))
            rows.append(KernelRow.of(case, wanted, "ours", measured(95, 1)))
    rows[5] = KernelRow.of(first, "backward", "ours", "wrong: result 1: 16 of 16 values are off", wrong=True)
    rows[7] = KernelRow.of(first, "double backward", "compile", "RuntimeError: no double backward")
    missing = (Missing("norm_act", "not there"),)
    return KernelReport(copy_gb_per_second=about(4300.0), rows=tuple(rows), missing=missing, seconds=12.0)


@pytest.fixture
def table(kernels: KernelReport) -> Document:
    """Its table."""
    return kernel_document(kernels, ("a machine", "some software"))


@pytest.mark.parametrize("width", [80, 100, 190])
def test_a_table_fits_its_terminal(table: Document, width: int) -> None:
    """What does not is named below it."""
    text = render_terminal(table, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert ("left out at this width" in text) == (width < 190)


def test_a_wide_table_has_every_figure(table: Document) -> None:
    """In the order eager, compile, ours; a missing one is a dash."""
    text = render_terminal(table, width=200)
    lines = [line.split() for line in text.splitlines()]
    (forward, *_) = [line for line in lines if "forward" in line]
    figures = forward[forward.index("forward") + 1 :]
    assert (
        " ".join(figures)
        == "300.0 ±3.0 100.0 ±1.0 95.00 ±0.95 3.16x 1.05x 33/100/105 3/1/1 12/12/12 256/256/256 1e-3/1e-3/1e-3 2.5/2.5/2.5 1333/4000/4211"
    )
    (wrong,) = [line for line in lines if "wrong²" in line or "wrong¹" in line]
    assert "33/100/-" in wrong
    assert "double" in " ".join(next(line for line in lines if any(cell.startswith("-") for cell in line) and "double" in line))


def test_reasons_are_notes(table: Document) -> None:
    """Numbered; an op that is not there is told as well."""
    text = render_terminal(table, width=120)
    assert "¹ wrong: result 1: 16 of 16 values are off" in text
    assert "² RuntimeError: no double backward" in text
    assert "norm_act: not measured: not there" in text
    assert "copy 4,300 ±43 GB/s; took 12 s" in text


def test_what_stays_in_the_cache_is_marked(kernels: KernelReport) -> None:
    """So that nobody takes its bandwidth for the memory's."""
    rows = tuple(replace(row, measured=row.measured and replace(row.measured, is_cold=False)) for row in kernels.rows)
    text = render_terminal(kernel_document(replace(kernels, rows=rows), ()), width=120)
    assert "so little that it stays in the L2 cache" in text


def test_markdown_repeats_the_case_on_each_line(table: Document) -> None:
    """One table, as many cells in each line as in the head, notes below."""
    text = render_markdown(table)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 6
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert sum("64x256x64x64 bf16" in line for line in lines) == 6
    assert "wrong<sup>1</sup>" in text
    assert "<sup>2</sup> RuntimeError: no double backward" in text


def test_colour_only_where_it_is_wanted(table: Document) -> None:
    """Escape sequences never reach a file."""
    assert "\x1b[" not in render_terminal(table, width=100)
    assert "\x1b[" in render_terminal(table, width=100, colour=True)


def step_report(device: str) -> StepReport:
    on_gpu = device == "cuda"
    single = SingleStep(
        host_milliseconds=about(0.25) if on_gpu else None,
        requests=3 if on_gpu else None,
        device_launches=1234 if on_gpu else None,
        peak_mib=456.0 if on_gpu else None,
    )
    figures = MeasuredStep(
        milliseconds=about(2.0),
        samples_per_second=about(32_000.0),
        speedup_over_published=about(4.0),
        speedup_over_compile=about(1.5),
        percent_of_matrix_rate=31.0,
        ready_seconds=12.5,
        error=2e-3,
        single=single,
    )
    rows = (
        StepRow(entry=Entry(loop="pytorch/examples"), status="ok", measured=figures),
        StepRow(entry=Entry(loop="ganbench", how="cuda_graph", kernels="triton"), status="ok", measured=figures),
        StepRow(entry=Entry(loop="ganbench", how="compile", kernels="ref"), status="wrong", reason="the loss is 7"),
    )
    trained = {"plugin": "dcgan-64", "dataset": "synthetic", "batch_size": 64}
    return StepReport(
        trained=trained, precision="bf16", blocks=8, rows=rows, seconds=90.0, flops=293_000_000_000, matrix_tflops=about(700.0)
    )


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_of_steps_fits(width: int) -> None:
    """On a GPU, with every column at 160."""
    text = render_terminal(step_document(step_report("cuda"), ("machine",)), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "dcgan-64 on synthetic, batch 64, bf16" in text
    (line,) = [line.split() for line in text.splitlines() if line.startswith("ganbench cuda_graph")]
    assert line[:7] == ["ganbench", "cuda_graph", "triton", "32,000", "±320", "4.00x", "±0.04"]
    if width == 160:
        assert line[7:] == ["1.50x", "±0.02", "2.00", "0.250", "3", "1,234", "456", "31", "2e-3", "12"]
    assert "wrong¹" in text
    assert "¹ the loss is 7" in text


def test_a_cpu_has_no_columns_of_a_gpu() -> None:
    """Nor the sentence that explains them."""
    text = render_terminal(step_document(step_report("cpu"), ()), width=160)
    assert "host ms" not in text
    assert "launches" not in text


def test_json_holds_every_number_and_the_keys_of_the_machine(kernels: KernelReport) -> None:
    """Strict JSON, with nothing that is not a number among the numbers."""
    text = document("bench kernels", {"quick": True}, kernels, Place.of_process(CPU, precision="bf16"))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(text, parse_constant=refuse)
    assert (content["command"], content["schema_version"]) == ("bench kernels", 1)
    assert content["hardware"]["cpu_cores"] > 0
    assert content["software"]["torch"] == torch.__version__
    assert len(content["rows"]) == len(kernels.rows)
    assert content["rows"][0]["measured"]["microseconds"] == {"median": 300, "low": 297, "high": 303}
    assert content["rows"][5]["measured"] is None
    assert content["rows"][5]["status"] == "wrong"


def test_the_heading_names_machine_and_software() -> None:
    """Two lines."""
    machine, software = heading(CPU)
    assert "core" in machine
    assert f"torch {torch.__version__}" in software
    assert "thread" in software

"""To pytest-benchmark and back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import UsageError
from ganbench.report.exchange.benchmarks import _statistics_of, render_side
from ganbench.verdict.findings import Comparison
from ganbench.verdict.policy import Policy
from ganbench.verdict.pytest_benchmark import compare_benchmarks, is_benchmark_file, read_benchmarks

Make = Callable[..., Any]
NOW = "2026-11-21T08:00:00"


def document(times: dict[str, list[Any]], *, cpu: str = "Test CPU", python: str = "3.11.7", **extra: Any) -> bytes:
    """Return a file as ``pytest --benchmark-json`` writes it."""
    machine = {"machine": "x86_64", "system": "Linux", "python_version": python, "python_implementation": "CPython"}
    machine |= {"cpu": {"brand_raw": cpu, "count": 2, "hz_actual": [2_000_000_000, 0]}}  # type: ignore[dict-item]
    benchmarks = [{"name": name, "fullname": f"tests/{name}", "stats": {"data": data}, "extra_info": extra} for name, data in times.items()]
    return json.dumps({"machine_info": machine, "benchmarks": benchmarks, "version": "5.3.1"}).encode()


def compare(base: list[bytes], head: list[bytes], **policy: Any) -> Comparison:
    """Return the verdict on some files."""
    sides = [[one for text in side for one in read_benchmarks(text, "f.json")] for side in (base, head)]
    return compare_benchmarks(*sides, Policy(**policy))


def five(seconds: float) -> list[bytes]:
    """Return five files of one benchmark, each with rounds of its own."""
    return [document({"step": [seconds * (1 + 0.004 * i), seconds * (1 + 0.004 * i) * 1.5, seconds]}) for i in range(5)]


@pytest.mark.slow
def test_pytest_benchmark_reads_what_we_write(everything: Comparison, make_finding: Make, make_comparison: Make, tmp_path: Path) -> None:
    """``pytest-benchmark compare`` of both sides lists each time with its numbers."""
    pytest.importorskip("pytest_benchmark")
    milliseconds = make_finding(metric="phase", label="time of joint", unit="ms", base_values=(40.0, 42.0), head_values=(50.0,))
    comparison = make_comparison(*everything.findings, milliseconds)
    for side in ("base", "head"):
        (tmp_path / f"{side}.json").write_text(render_side(comparison, side, created=NOW))
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "base.json", "head.json", "--name=long"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to load" not in done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("dcgan digits::")]
    assert len(rows) == 4
    assert "dcgan digits::phase (head)" in done.stdout
    assert "peak_memory" not in done.stdout


def test_a_throughput_becomes_the_time_of_an_image(make_finding: Make, make_comparison: Make) -> None:
    """In seconds; runs that diverged are left out."""
    whole = json.loads(render_side(make_comparison(make_finding(base_values=(500.0, float("nan")))), "base", created=NOW))
    assert whole["benchmarks"][0]["stats"]["data"] == [1 / 500.0]


@pytest.mark.parametrize("samples", [[2.0], [1.0, 2.0], [3.0, 1.0, 2.0, 50.0], [1.0] * 7])
def test_the_statistics_are_those_of_pytest_benchmark(samples: list[float]) -> None:
    """Where there is one definition of them; of quartiles there are many."""
    stats = pytest.importorskip("pytest_benchmark.stats")
    theirs = stats.Stats()
    for sample in samples:
        theirs.update(sample)
    ours = _statistics_of(samples)
    assert set(theirs.as_dict()) <= set(ours)
    for name in ("min", "max", "mean", "stddev", "rounds", "median", "ops", "total", "stddev_outliers"):
        assert ours[name] == pytest.approx(getattr(theirs, name)), name


def test_five_files_against_five_are_decided() -> None:
    """The unit is the file: a regression of 30 percent, none of none."""
    slower, same = compare(five(1.0), five(1.3)), compare(five(1.0), five(1.0))
    assert [(f.state, f.metric, f.cell, f.num_base) for f in slower.findings] == [("regressed", "seconds_per_round", "tests/step", 5)]
    assert (slower.exit_code, same.exit_code, same.findings[0].state) == (1, 0, "unchanged")
    assert slower.findings[0].change == pytest.approx(0.3, abs=0.01)
    assert slower.machine == "Test CPU, 2 cores"


def test_the_rounds_of_one_process_decide_nothing() -> None:
    """A thousand rounds on each side are one replicate each."""
    (found,) = compare([document({"a": [1.0] * 1000})], [document({"a": [2.0] * 1000})]).findings
    assert (found.state, found.num_base, found.change) == ("inconclusive", 1, pytest.approx(1.0))
    assert "1 against 1 runs can never be significant" in found.reason


def test_a_threshold_and_a_gate_hold_for_benchmarks_too() -> None:
    """By the metric's name or its tier."""
    assert compare(five(1.0), five(1.3), thresholds={"seconds_per_round": 0.5}).exit_code == 0
    assert compare(five(1.0), five(1.3), gates={"throughput": "warn"}).exit_code == 0


def test_a_lost_benchmark_is_missing_and_another_one_new() -> None:
    """By name, parameters and all."""
    comparison = compare([document({"a": [1.0], "b[1]": [1.0]})], [document({"a": [1.0], "b[2]": [1.0]})])
    assert {found.cell: found.state for found in comparison.findings} == {"tests/a": "inconclusive", "tests/b[1]": "missing"}
    assert comparison.new == ("tests/b[2]",)
    assert comparison.exit_code == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cpu": "Another"}, "cpu"),
        ({"python": "3.12.1"}, "python"),
        ({"software": {"torch": "2.0"}}, "torch"),
        ({"hardware": {"gpu": "A"}}, "gpu"),
    ],
)
def test_other_machines_and_software_are_not_compared(changes: dict[str, Any], field: str) -> None:
    """What a benchmark says of them itself counts too; a patch release of Python does not."""
    comparison = compare([document({"a": [1.0]})], [document({"a": [1.0]}, **changes)])
    assert comparison.exit_code == 4
    assert [one.field for one in comparison.findings[0].differences] == [field]
    assert compare([document({"a": [1.0]})], [document({"a": [1.0]}, python="3.11.9")]).exit_code == 0


@pytest.mark.parametrize("data", [[], [0.0], [-1.0], [float("nan")], ["1"], None])
def test_a_time_that_is_none_is_never_compared(data: Any) -> None:
    """Zero, negative, NaN or text: inconclusive in base, missing in head."""
    good, bad = document({"a": [1.0]}), document({"a": data})
    assert compare([bad], [good]).findings[0].state == "inconclusive"
    assert compare([good], [bad]).findings[0].state == "missing"


def test_a_file_without_its_rounds_has_its_median() -> None:
    """As ``--benchmark-save`` leaves them out."""
    text = document({"a": []}).replace(b'"data": []', b'"median": 2.5')
    assert read_benchmarks(text, "f.json")[0].seconds == 2.5


def test_only_files_of_pytest_benchmark_are_taken_for_one() -> None:
    """By what they hold."""
    assert is_benchmark_file(document({}))
    assert not any(map(is_benchmark_file, (b"", b"[]", b"{", b'{"schema_version": 1}', b"\xff\x00")))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"benchmarks": [', b'"benchmarks": {}, "x": [', "benchmarks must be a list"),
        (b'"machine_info": {', b'"machine_info": 1, "x": {', "machine_info must be an object"),
        (b'"stats": {"data"', b'"x": {"data"', "lacks its fullname or its stats"),
        (b"tests/b", b"tests/a", "holds tests/a more than once"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(old: bytes, new: bytes, words: str) -> None:
    """One line that says what is wrong."""
    text = document({"a": [1.0], "b": [1.0]})
    assert old in text
    with pytest.raises(UsageError, match=f"f.json .*{words}|f.json {words}"):
        read_benchmarks(text.replace(old, new), "f.json")

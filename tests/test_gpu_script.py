"""benchmarks/gpu.sh: its parts, its limits and its exit codes, with an interpreter that only pretends."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("tests", "kernels", "step", "runs", "evaluation", "many-seeds")


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture
def pretender(tmp_path: Path) -> Path:
    """An interpreter that says what it was asked to run, and fails at the benchmark of the kernels; only the summary is real."""
    path = tmp_path / "python"
    path.write_text(f"""#!/usr/bin/env bash
case "$*" in
  *gpu_summary.py*) exec {shlex.quote(sys.executable)} "$@" ;;
  *"bench kernels"*) exit 7 ;;
esac
echo "asked: $* in $PART_SECONDS s"
""")
    path.chmod(0o755)
    return path


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for their types
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", [(), ("--smoke",), ("a", "--quick"), ("a", "b"), ("a", "tests", "kernel")])
def test_a_wrong_call_is_told_how(arguments: tuple[str, ...]) -> None:
    """Without a folder, with an unknown flag, with a part that there is not; nothing is run, nor is a folder made."""
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: benchmarks/gpu.sh OUT_DIR [--smoke] [tests|kernels|step|runs|evaluation|many-seeds]...\n"
    assert not Path("a").exists()


def headings(text: str) -> list[str]:
    """Return what was run, in order: ``part: entry``."""
    return [line.removeprefix("== ").partition(" (at")[0] for line in text.splitlines() if line.startswith("== ")]


@pytest.mark.parametrize("flags", [(), ("--smoke",)])
def test_an_entry_that_fails_stops_nothing_and_is_told_at_the_end(pretender: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """Every entry has its heading, its exit code is in the summary, and the script's own says that something failed."""
    out = tmp_path / "out"
    done = call(str(out), *flags, PYTHON=str(pretender))
    assert done.returncode == 1, done.stdout + done.stderr
    *entries, last = headings(done.stdout)
    assert last == "summary"
    assert list(dict.fromkeys(entry.partition(": ")[0] for entry in entries)) == list(PARTS)
    rows = [line.split("\t") for line in (out / "parts.tsv").read_text().splitlines()]
    assert [f"{part}: {entry}" for part, entry, _, _ in rows] == entries
    assert {entry: code for _, entry, code, _ in rows if code != "0"} == {"bench kernels": "7"}
    assert sorted(path.name for path in out.iterdir()) == sorted([*(f"log-{part}.txt" for part in PARTS), "parts.tsv", "summary.md"])
    assert "asked: " in (out / "log-runs.txt").read_text()


def test_parts_are_run_alone_in_any_order_and_summed_up_together(pretender: Path, tmp_path: Path) -> None:
    """What an earlier call measured stays in the summary; a part that is run again takes the place of what it was."""
    out = tmp_path / "out"
    assert call(str(out), "kernels", PYTHON=str(pretender)).returncode == 1
    done = call(str(out), "many-seeds", "runs", PYTHON=str(pretender))
    assert done.returncode == 0, done.stdout
    assert list(dict.fromkeys(entry.partition(": ")[0] for entry in headings(done.stdout))) == ["many-seeds", "runs", "summary"]
    assert call(str(out), "many-seeds", PYTHON=str(pretender)).returncode == 0
    parts = [line.partition("\t")[0] for line in (out / "parts.tsv").read_text().splitlines()]
    assert list(dict.fromkeys(parts)) == ["kernels", "runs", "many-seeds"]
    assert "| kernels | bench kernels | 7 |" in (out / "summary.md").read_text()


def test_no_part_takes_more_than_eight_minutes(pretender: Path, tmp_path: Path) -> None:
    """The limits of its entries add up to less; a machine is lent for ten at a time."""
    done = call(str(tmp_path / "out"), PYTHON=str(pretender))
    limits: dict[str, int] = {}
    for line in done.stdout.splitlines():
        if line.startswith("== ") and "at most" in line:
            part = line.removeprefix("== ").partition(":")[0]
            limits[part] = limits.get(part, 0) + int(line.rpartition("at most ")[2].partition(" s")[0])
    assert set(limits) == set(PARTS)
    assert max(limits.values()) <= 470


def test_a_folder_of_data_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    """Before anything is run."""
    done = call(str(tmp_path / "out"), DATA_ROOT=str(tmp_path / "none"))
    assert done.returncode == 2
    assert "none" in done.stderr


def test_fashion_mnist_is_trained_where_there_is_a_folder_of_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not looked for without one; every runner and both choices of kernels are in every plan."""
    runs = load("gpu_runs")
    monkeypatch.delenv("GANBENCH_DATA", raising=False)
    assert {dataset for dataset, *_ in runs.plan(smoke=False)} == {"digits"}
    monkeypatch.setenv("GANBENCH_DATA", "somewhere")
    assert {dataset for dataset, *_ in runs.plan(smoke=False)} == {"digits", "fashion-mnist"}
    for smoke, runners in ((True, ("eager", "cuda_graph")), (False, ("eager", "cuda_graph", "compile"))):
        pairs = {(runner, kernels) for _, runner, kernels, _ in runs.plan(smoke)}
        assert pairs == {(r, k) for r in runners for k in ("triton", "ref")}


def test_what_cannot_run_without_a_gpu_is_a_row_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no failure; another exit code is."""
    runs = load("gpu_runs")
    monkeypatch.setattr(runs.torch.cuda, "is_available", lambda: False)

    def outcome(code: int) -> int:
        failed = subprocess.CompletedProcess([], code, stdout="", stderr="first\nganbench: there is no GPU\n")
        monkeypatch.setattr(runs.subprocess, "run", lambda *_, **__: failed)
        status: int = runs.main(tmp_path / "runs.json", tmp_path, smoke=True)
        return status

    assert outcome(2) == 0
    rows = json.loads((tmp_path / "runs.json").read_text())
    assert {(row["status"], row["reason"]) for row in rows} == {("not here", "ganbench: there is no GPU")}
    assert outcome(3) == 1


SOME = """
import os, pathlib, threading
import pytest
def test_good(record_property): record_property("mib", 3)
def test_bad(): assert 1 == 2
@pytest.mark.skip(reason="no GPU")
def test_left_out(): pass
def test_end_of_the_process():
    if PLACE: os._exit(9)
def test_after_it(): pass
def test_slow():
    if not PLACE:
        pathlib.Path("LATE").touch()
        threading.Event().wait()
"""


@pytest.fixture
def tests_in(tmp_path: Path) -> Callable[[bool], Path]:
    """Return what writes a file of tests: one of them ends its process, or one never ends."""

    def write(ends: bool) -> Path:
        path = tmp_path / "test_some.py"
        path.write_text(SOME.replace("PLACE", str(ends)).replace("LATE", str(tmp_path / "late")))
        return path

    return write


@pytest.mark.slow
def test_each_test_is_counted_and_failures_are_named(tests_in: Callable[[bool], Path], tmp_path: Path) -> None:
    """Passed, failed and skipped with reasons, what a test measured, and what comes after one that ended its process."""
    result = load("gpu_tests").run_shares([tests_in(True)], 60.0, tmp_path / "tests.json", shares=2)
    (one,) = result["files"].values()
    assert one["counts"] == {"passed": 3, "failed": 1, "skipped": 1, "broke off": 1}
    assert {f["test"] for f in one["failed"]} == {"test_bad", "test_end_of_the_process"}
    assert any("assert 1 == 2" in f["message"] for f in one["failed"])
    assert list(one["skipped_because"].values()) == [1]
    assert one["measured"] == {"test_good": {"mib": 3}}
    assert json.loads((tmp_path / "tests.json").read_text()) == result


@pytest.mark.slow
def test_what_was_done_before_the_time_was_up_is_kept(
    tests_in: Callable[[bool], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that never ends loses itself alone, and what comes after it is named; the time is up when that one has begun."""
    path = tests_in(False)
    path.write_text(path.read_text() + "def test_too_late(): pass\n")
    gpu_tests = load("gpu_tests")
    clock = SimpleNamespace(sleep=time.sleep, monotonic=lambda: float((tmp_path / "late").exists()))
    monkeypatch.setattr(gpu_tests, "time", clock)
    result = gpu_tests.run_shares([path], 0.5, tmp_path / "tests.json", shares=1)
    (one,) = result["files"].values()
    assert one["counts"] == {"passed": 3, "failed": 1, "skipped": 1, "broke off": 1, "not reached": 1}
    assert one["not_reached"] == ["test_too_late"]


def test_what_is_compiled_first_is_what_is_measured_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every op in both precisions; every loop that has to be compiled of each step; every runner that compiles."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    warm = load("gpu_warm")
    from ganbench_bench.names import DTYPES, OPS

    assert {(op, dtype) for _, op, dtype, _ in warm.jobs("kernels", False)} == {(op, dtype) for op in OPS for dtype in DTYPES}
    script = (ROOT / "benchmarks" / "gpu.sh").read_text()
    for plugin, batch, precision in warm.STEPS:
        assert f" {plugin} {batch} {precision} " in script
    assert {(runner, kernels) for _, runner, kernels, _ in warm.jobs("runs", False)} >= {("compile", "ref"), ("compile", "triton")}
    assert all(len(warm.jobs(part, True)) == 1 for part in ("kernels", "step", "runs"))


def interval(median: float) -> dict[str, float]:
    return {"median": median, "low": median, "high": median}


def test_the_summary_goes_bar_by_bar_and_names_what_was_not_reached(tmp_path: Path) -> None:
    """Met, missed, and not reached where a file, a row or a figure is not there."""
    summary = load("gpu_summary")
    text, _ = summary.summary(tmp_path)
    assert f"{len(summary.BARS)} bars: 0 met, 0 missed, {len(summary.BARS)} not reached." in text

    def row(implementation: str, wanted: str, percent: float | None, reason: str = "") -> dict[str, object]:
        measured = {"percent_of_copy": percent, "speedup_over_eager": interval(2.6), "speedup_over_compile": None}
        shown = {"op": "bias_act", "title": "b", "variant": "", "shape": [64, 256, 64, 64], "dtype": "bf16", "layout": "nchw"}
        known = {"implementation": implementation, "wanted": wanted, "num_bytes": 268_000_512}
        return {**shown, **known, "status": "not run" if reason else "ok", "reason": reason, "measured": measured if percent else None}

    rows = [
        row("ours", "forward", 91.0),
        row("ours", "forward", 89.5),
        row("ours", "backward", 93.0),
        row("ours", "backward", None, "not reached"),
    ]
    (tmp_path / "kernels.json").write_text(json.dumps({"rows": rows}))

    def loop(loop: str, how: str, kernels: str, speed: float) -> dict[str, object]:
        figures = {"samples_per_second": interval(speed), "speedup_over_published": interval(3.2), "speedup_over_compile": interval(1.1)}
        return {"entry": {"loop": loop, "how": how, "kernels": kernels}, "status": "ok", "reason": "", "measured": figures}

    eager, graph = loop("ganbench", "eager", "ref", 100.0), loop("ganbench", "cuda_graph", "triton", 220.0)
    for name in ("step_dcgan32_tf32", "step_dcgan64_bf16"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"rows": [eager, loop("ganbench", "eager", "triton", 50.0), graph]}))
    seeds = [
        {"widths": "32,32", "executor": "seeds", "seeds": 64, "status": "ok", "samples_per_second": 900.0, "runners": ["seeds"]},
        {"widths": "32,32", "executor": "local", "seeds": 4, "status": "ok", "samples_per_second": 20.0},
        {"widths": "128,128", "executor": "seeds", "seeds": 64, "status": "not reached"},
    ]
    (tmp_path / "many_seeds.json").write_text(json.dumps(seeds))
    (tmp_path / "tests.json").write_text(
        json.dumps({"files": {"a.py": {"counts": {"passed": 9, "skipped": 1, "not reached": 1}, "not_reached": ["test_late"]}}})
    )
    text, _ = summary.summary(tmp_path)
    found = {cells[1].strip(): (cells[3].strip(), cells[4].strip()) for line in text.splitlines() if len(cells := line.split("|")) == 6}
    assert found["bias_act forward, maps of 134 MB and more: % of copy"] == ("89.5", "missed")
    assert found["bias_act forward, maps of 134 MB and more: times eager"] == ("2.6", "met")
    assert found["bias_act forward, maps of 134 MB and more: times torch.compile"] == ("", "not reached")
    assert found["bias_act backward, maps of 134 MB and more: % of copy"] == ("", "not reached")
    assert found["DCGAN-32, batch 64, TF32: captured over eager"] == ("2.2", "met")
    assert found["DCGAN-64, batch 128, bf16: captured over the published loop"] == ("3.2", "met")
    assert found["DCGAN-64, batch 128, bf16: captured over its best torch.compile"] == ("1.1", "missed")
    assert found["64 seeds together over one after another"] == ("45", "met")
    assert found["every test passes: share"] == ("1", "met")
    assert found["every run ends well: share"] == ("", "not reached")
    late = [line for line in text.splitlines() if line.startswith("- ") and "KiB" not in line]
    assert late == [
        "- kernels.json: bias_act b 64x256x64x64 bf16 nchw backward",
        "- many_seeds.json: 128,128 seeds 64",
        "- tests.json: a.py::test_late",
    ]


def test_the_tests_that_it_runs_need_nothing_else() -> None:
    """On a bare machine there is neither hypothesis nor pytest-benchmark, and a file that does not import is a lost result."""
    folders = ("kernels/ops/*.py", "gpu/*.py", "plugins/zoo*.py", "data/test_capture.py")
    files = [file for pattern in folders for file in (ROOT / "tests").glob(pattern)]
    imported: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    beside = {file.stem for folder in ("kernels", "training", "plugins", "gpu") for file in (ROOT / "tests" / folder).glob("*.py")}
    allowed = {"torch", "triton", "numpy", "pytest", "ganbench", "ganbench_kernels", "ganbench_spaces"}
    assert imported - set(sys.stdlib_module_names) - beside - allowed == set()

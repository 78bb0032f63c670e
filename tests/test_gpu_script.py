"""benchmarks/gpu.sh: its parts, its limits and its exit codes, with an interpreter that only pretends."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("machine", "tests", "bench kernels", "bench step dcgan-32", "bench step dcgan-64", "runs")


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
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--smoke",), ("a", "--quick")])
def test_a_wrong_call_is_told_how(arguments: tuple[str, ...]) -> None:
    """Without a folder, with two, with an unknown flag."""
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: benchmarks/gpu.sh OUT_DIR [--smoke]\n"


@pytest.mark.parametrize("flags", [(), ("--smoke",)])
def test_a_part_that_fails_stops_nothing_and_is_told_at_the_end(pretender: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """Every part has its heading, its exit code is in the summary, and the script's own says that something failed."""
    out = tmp_path / "out"
    done = call(str(out), *flags, PYTHON=str(pretender))
    assert done.returncode == 1, done.stdout + done.stderr
    headings = [line.removeprefix("== ").partition(" (at")[0] for line in done.stdout.splitlines() if line.startswith("== ")]
    assert headings == [*PARTS, "summary"]
    codes = [line.split("|")[1:3] for line in (out / "summary.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert [(name.strip(), code.strip()) for name, code in codes] == [(name, "7" if name == "bench kernels" else "0") for name in PARTS]
    assert sorted(path.name for path in out.iterdir()) == ["log.txt", "summary.md"]
    assert "asked: " in (out / "log.txt").read_text()


def test_the_limits_leave_time_for_every_part(pretender: Path, tmp_path: Path) -> None:
    """All parts before the runs, each at its limit, leave the runs more than a minute and a half of the eight minutes."""
    done = call(str(tmp_path / "out"), PYTHON=str(pretender))
    limits = [int(line.rpartition("at most ")[2].partition(" s")[0]) for line in done.stdout.splitlines() if "at most" in line]
    assert len(limits) == len(PARTS)
    assert 465 - sum(limits[:-1]) > 90


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
    for smoke in (True, False):
        pairs = {(runner, kernels) for _, runner, kernels, _ in runs.plan(smoke)}
        assert pairs == {(r, k) for r in ("eager", "cuda_graph", "compile") for k in ("triton", "ref")}


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


@pytest.mark.slow
def test_a_test_file_is_counted_and_its_failures_are_named(tmp_path: Path) -> None:
    """Passed, failed and skipped with reasons, and what a test measured."""
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "def test_good(record_property): record_property('mib', 3)\n"
        "def test_bad(): assert 1 == 2\n"
        "@pytest.mark.skip(reason='no GPU')\n"
        "def test_left_out(): pass\n"
    )
    (one,) = load("gpu_tests").run_files([tmp_path / "test_some.py"], 60.0)
    assert (one["rc"], one["counts"]) == (1, {"passed": 1, "failure": 1, "skipped": 1})
    assert [f["test"] for f in one["failed"]] == ["test_bad"]
    assert "assert 1 == 2" in one["failed"][0]["message"]
    assert one["skipped_because"] == {"no GPU": 1}
    assert one["measured"] == {"test_good": {"mib": "3"}}


@pytest.mark.slow
def test_a_test_file_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """It has no exit code, and the others keep theirs."""
    (tmp_path / "test_slow.py").write_text("import threading\ndef test_slow(): threading.Event().wait()\n")
    (one,) = load("gpu_tests").run_files([tmp_path / "test_slow.py"], 1.0)
    assert one["rc"] is None


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

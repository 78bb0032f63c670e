"""What Python lacks on macOS and Windows, hidden: a run goes its way without it, and what cannot is one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]
TINY = ["--plugin", "dcgan", "--batch-size", "24", "-o", "generator_width=4", "-o", "discriminator_width=4", "--metric", "fd100_digits"]


SEVERAL = """
import json, sys
from ganbench.cli.main import main
for arguments in json.loads(sys.argv[1]):
    code = main(arguments)
    print(f"{arguments[0]} ended with {code}", file=sys.stderr)
sys.exit(code)
"""
"""Commands in one process, which imports torch once."""


@pytest.fixture(scope="module", params=["macos", "windows"])
def ganbench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs a command as on another system."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(Path(__file__).with_name("other_system.py"), folder / "sitecustomize.py")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    own = {"PYTHONPATH": path, "GANBENCH_CACHE": str(folder / "cache"), "GANBENCH_TEST_SYSTEM": request.param}

    def call(*commands: Sequence[str], code: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code or SEVERAL, json.dumps(commands)]
        return subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=300, check=False)

    call.system = request.param  # type: ignore[attr-defined]
    return call


def test_the_system_is_another(ganbench: Run) -> None:
    """What must be missing is missing, so that the other tests mean something."""
    code = "import os; from importlib.util import find_spec as f; print([bool(f(n)) for n in ('triton', 'fcntl', 'resource')])"
    done = ganbench(code=f"{code}; print(hasattr(os, 'sched_getaffinity'))")
    there = ganbench.system == "macos"  # type: ignore[attr-defined]
    assert done.stdout.strip() == f"{[False, there, there]}\nFalse", done.stderr


def test_a_run_is_trained_shown_and_diagnosed(ganbench: Run) -> None:
    """Locks, limits and the count of CPUs are those that there are; without triton, whoever insists on it is told so."""
    commands = (("run", *TINY, "--kimg", "0.2", "--out", "run"), ("show", "run"), ("table", "run"), ("plugins", "list"), ("doctor",))
    done = ganbench(*commands, ("run", *TINY, "--kernels", "triton"))
    endings = [line for line in done.stderr.splitlines() if " ended with " in line]
    assert endings == [*(f"{command[0]} ended with 0" for command in commands), "run ended with 2"], done.stderr
    assert "unexpected" not in done.stderr
    assert "problem" not in done.stdout, done.stdout
    refusal = "ganbench: training.kernels is 'triton', and triton is not installed; use --kernels auto or ref"
    assert done.stderr.splitlines()[-2] == refusal


def test_a_matrix_runs_or_says_what_it_needs(ganbench: Run) -> None:
    """Where there are no process groups, a process cannot be ended with all that it has started."""
    done = ganbench(("matrix", "-a", "plugin=mlp", "-a", "seed=0", "--set", "kimg=0.1", "--out", "matrix"))
    if ganbench.system == "macos":  # type: ignore[attr-defined]
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "ganbench: this command needs process groups, which this system does not have; use ganbench run",
            "matrix ended with 2",
        ]

"""The source tree on a machine with torch, scikit-learn, click and rich, and nothing else: nothing is installed, ganbench neither."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
TINY = ["--kimg", "0.3", "--batch-size", "24", "-o", "generator_width=4", "-o", "discriminator_width=4", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of the bare machine's user."""
    return tmp_path_factory.mktemp("bare")


@pytest.fixture(scope="module")
def python(folder: Path) -> Run:
    """Return a function that runs the interpreter of the bare machine."""
    shutil.copy(ROOT / "tests" / "bare_machine.py", folder / "sitecustomize.py")
    paths = [folder, ROOT, ROOT / "kernels", ROOT / "plugins"]
    own = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "GANBENCH_CACHE": str(folder / "cache"), "NO_COLOR": "1", "COLUMNS": "200"}
    environment = {**os.environ, **own}
    environment.pop("GANBENCH_PLUGINS", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def trained(python: Run) -> subprocess.CompletedProcess[str]:
    """A tiny DCGAN on digits, with the metric that is measured by default."""
    return python("-m", "ganbench", "run", "--plugin", "dcgan", *TINY, "--metric", "fd100_digits", "--json")


def test_the_machine_is_bare(python: Run) -> None:
    """What must be missing is missing for whoever asks, so that the other tests mean something."""
    code = """
import importlib.metadata, importlib.util
from sitecustomize import ABSENT
print([n for n in ABSENT if importlib.util.find_spec(n)], [d.name for d in importlib.metadata.distributions() if d.name == "ganbench"])
import platformdirs
"""
    done = python("-c", code)
    assert done.stdout.strip() == "[] []"
    assert "ModuleNotFoundError: No module named 'platformdirs'" in done.stderr


def test_a_run_trains_and_is_measured(trained: subprocess.CompletedProcess[str]) -> None:
    """The record is complete; its plugins are those of the distribution that would have been installed."""
    assert trained.returncode == 0, trained.stderr
    record = json.loads(trained.stdout)
    assert record["status"] == "complete"
    assert {p["distribution"] for p in record["plugins"]} == {"ganbench"}
    assert {p["version"] for p in record["plugins"]} == {record["ganbench_version"]}
    assert [v["name"] for v in record["evaluations"][-1]["values"]] == ["fd100_digits"]


def test_the_missing_picture_is_one_line(trained: subprocess.CompletedProcess[str], folder: Path) -> None:
    """Of all that is missing, a run needs only matplotlib, and says so once."""
    assert trained.stderr.count("not installed") == 1
    assert "matplotlib is not installed; curves.png is left out" in trained.stderr
    assert not list(folder.glob("results/runs/*/curves.png"))


@pytest.mark.usefixtures("trained")
def test_the_table_is_printed(python: Run) -> None:
    """From the record that the run left."""
    done = python("-m", "ganbench", "table", "--format", "markdown")
    assert done.returncode == 0, done.stderr
    assert "dcgan" in done.stdout


@pytest.mark.usefixtures("trained")
def test_the_run_can_be_repeated_from_its_configuration(python: Run, folder: Path) -> None:
    """What is written without a TOML library is read back."""
    config = next(folder.glob("results/runs/*/config.toml"))
    done = python("-m", "ganbench", "run", "--config", str(config), "--dry-run")
    assert done.returncode == 0, done.stderr


def test_the_doctor_says_what_the_missing_packages_would_give(python: Run) -> None:
    """Nothing needs mending."""
    done = python("-m", "ganbench", "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    details = {f["check"]: f["detail"] for f in json.loads(done.stdout)}
    assert "source tree" in details["ganbench"]
    assert details["torch-fidelity"] == "not installed: no Inception network, so no FID, KID and IS"
    assert details["extractor digits"].startswith("digits-1")
    assert "needs torch-fidelity" in details["extractor inception"]

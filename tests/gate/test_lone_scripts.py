"""The scripts that run by their path in a tree of any version: they speak the protocol of workers from copies of their own."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ganbench.fleet import worker
from ganbench_gate import frozen_process, resolve_process, seed_process, side_process

scripts = pytest.mark.parametrize(
    "script", [side_process, frozen_process, resolve_process, seed_process], ids=["side", "frozen", "resolve", "seed"]
)


@scripts
def test_the_copy_of_the_streams_is_the_original(script: ModuleType) -> None:
    """So that what is mended in one place is mended in all."""
    assert inspect.getsource(script.private_streams) == inspect.getsource(worker.private_streams)  # type: ignore[attr-defined]


@scripts
def test_nothing_of_ganbench_is_imported_before_the_job_is_there(script: ModuleType, tmp_path: Path) -> None:
    """What ``ganbench`` is depends on the tree, and an import that fails must become an answer."""
    code = f"import runpy, sys; runpy.run_path({script.__file__!r}); print('ganbench' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "False"

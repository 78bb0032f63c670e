"""Starts the tests of tests/kernels/ops in processes of their own, with Triton's interpreter on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganbench_kernels import has_triton

pytestmark = pytest.mark.slow

OPS = sorted((Path(__file__).parent / "ops").glob("test_*.py"))


@pytest.mark.skipif(not has_triton(), reason="triton is not installed")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: tests/kernels/ops runs there itself")
@pytest.mark.parametrize("path", OPS, ids=lambda p: p.stem.removeprefix("test_"))
def test_file(path: Path) -> None:
    """Every test of this file passes in the interpreter."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout[-200:])
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]

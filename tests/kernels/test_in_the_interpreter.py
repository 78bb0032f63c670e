"""Starts the tests of tests/kernels/ops in a process of their own, with Triton's interpreter on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganbench_kernels import has_triton

pytestmark = pytest.mark.slow

OPS = Path(__file__).parent / "ops"


@pytest.mark.skipif(not has_triton(), reason="triton is not installed")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: tests/kernels/ops runs there itself")
def test_the_ops() -> None:
    """Every test passes in the interpreter, which is switched on before anything is imported."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, sorted(OPS.glob("test_*.py")))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout[-200:])
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]

"""Tests of the Triton kernels themselves: on a GPU where there is one, else in Triton's interpreter.

Triton decides at import, so without a GPU these files run in processes of their own: tests/kernels/test_in_the_interpreter.py starts them.
"""

from __future__ import annotations

import os

import pytest
import torch

if not torch.cuda.is_available() and not os.environ.get("TRITON_INTERPRET"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the kernels run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

"""The three ways to compute a case, or why one of them cannot run here."""

from __future__ import annotations

import os
import shutil

import torch

from ganbench_bench.kernels.case import Case, Function, Implementation
from ganbench_kernels import has_triton

NO_GPU = "Triton needs a GPU"


def implementations(case: Case, device: torch.device, *, compiles: str = "") -> dict[Implementation, Function | str]:
    """Return a function for each implementation, or the reason why there is none.

    Args:
        case: what they compute.
        device: where.
        compiles: why nothing is to be compiled; empty to compile.
    """
    compiled = compiles or against_compiling(device)
    return {
        "eager": case.plain,
        "compile": compiled or torch.compile(case.plain, dynamic=False, fullgraph=True),
        "ours": against_triton(device) or case.fused,
    }


def against_triton(device: torch.device) -> str:
    """Return why our kernels cannot be timed; Triton's interpreter says nothing of their speed."""
    if device.type != "cuda":
        return NO_GPU
    return "" if has_triton() else "triton is not installed"


def against_compiling(device: torch.device) -> str:
    """Return why ``torch.compile`` cannot make code here, or nothing."""
    if device.type == "cuda":
        return "" if has_triton() else "torch.compile needs triton, which is not installed"
    wanted = os.environ.get("CXX")
    found = shutil.which(wanted) if wanted else shutil.which("g++") or shutil.which("clang++") or shutil.which("cl")
    return "" if found else f"torch.compile needs a C++ compiler, and there is no {wanted or 'g++ or clang++'}"

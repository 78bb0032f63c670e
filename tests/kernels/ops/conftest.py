"""Tests of the Triton kernels themselves: on a GPU where there is one, else in Triton's interpreter.

Triton decides at import, so without a GPU these files run in a process of their own: tests/kernels/test_in_the_interpreter.py starts them.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

if not torch.cuda.is_available() and not os.environ.get("TRITON_INTERPRET"):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def patched_once() -> None:
    """Let the interpreter patch Triton's language once for each launch: again for every function that a kernel calls was half its time."""
    if not os.environ.get("TRITON_INTERPRET"):
        return
    import triton.language as tl
    from triton.runtime import interpreter

    if not hasattr(interpreter, "_LangPatchScope"):  # an older Triton's patches are other ones
        return
    patch = interpreter._patch_lang

    def missing(fn: Any) -> Any:
        languages = [value for value in fn.__globals__.values() if value is tl or value is tl.core]
        return patch(fn) if any(tl.core.is_builtin(one.load) for one in languages) else interpreter._LangPatchScope()

    interpreter._patch_lang = missing


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the kernels run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

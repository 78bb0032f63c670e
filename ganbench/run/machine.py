"""The machine of a run: its device, the numerics of torch, the implementation of the fused ops, and what becomes of freed memory.

Memory that a CPU step frees is kept for the next step.

glibc gives large freed blocks back to the system, which hands out zeroed pages again at the next step: a DCGAN step at 16x16 spent a
quarter of its time there. Raising three thresholds of ``mallopt(3)`` ends that; the process then holds its peak. Only steps are alike: in
an evaluation a large block seldom fits where another was, so there it is given back.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganbench.config.model import RunConfig
from ganbench.errors import ConfigError
from ganbench_kernels import has_triton, set_implementation, triton_runs_on


def choose_device(wanted: str, local_rank: int | None = None) -> torch.device:
    """Return the device that a configuration asks for; of several processes on a machine each has a GPU of its own.

    Raises:
        ConfigError: there is no such GPU.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and local_rank is not None:
        wanted = f"cuda:{local_rank}"
    device = torch.device(wanted)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError(f"training.device is {wanted!r}, and torch sees {count} GPUs", hint="use --device cpu or auto")
    return device


def set_numerics(config: RunConfig, device: torch.device) -> None:
    """Set torch's global switches to what the record will say."""
    training = config.training
    _use_kernels(training.kernels, device)
    if training.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(training.deterministic)
    torch.backends.cudnn.benchmark = training.cudnn_benchmark and not training.deterministic
    torch.backends.cudnn.deterministic = training.deterministic
    if device.type == "cuda":
        if device.index is not None:  # else streams and events that name no device are the first GPU's
            torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = training.tf32
        torch.backends.cudnn.allow_tf32 = training.tf32


def _use_kernels(wanted: str, device: torch.device) -> None:
    """Say which implementation the fused ops of this process take.

    Raises:
        ConfigError: Triton is wanted where it cannot run.
    """
    if wanted == "triton" and not triton_runs_on(device):
        why = "triton is not installed" if not has_triton() else f"Triton does not run on {device.type}"
        raise ConfigError(f"training.kernels is 'triton', and {why}", hint="use --kernels auto or ref")
    set_implementation(wanted)


def kernels_in_use(wanted: str, device: torch.device) -> str:
    """Return what the fused ops are in this run: ``triton`` or ``ref``."""
    if wanted != "auto":
        return wanted
    return "triton" if device.type == "cuda" and triton_runs_on(device) else "ref"


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""What glibc allows on 64-bit machines."""
_PAD_BYTES = 64 * 2**20
_NEVER_TRIM = 2**31 - 1
_LARGE = 4 * 2**20
"""What is given back as soon as it is freed, where freed memory is not kept."""


def keep_freed_memory(keep: bool = True) -> bool:
    """Tell the C library to keep what is freed, or to give it back; return whether it will.

    Does nothing outside glibc, or where the user has set ``MALLOC_`` variables: then those hold.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        mallopt, malloc_trim = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        return False
    mmap, trim = (_LARGEST_MMAP_THRESHOLD, _NEVER_TRIM) if keep else (_LARGE, _PAD_BYTES)
    wanted = ((_MMAP_THRESHOLD, mmap), (_TRIM_THRESHOLD, trim), (_TOP_PAD, _PAD_BYTES if keep else _LARGE))
    accepted = [mallopt(option, value) == 1 for option, value in wanted]
    if not keep:
        malloc_trim(0)
    return all(accepted)


@contextmanager
def memory_given_back(kept: bool) -> Iterator[None]:
    """Have freed memory given back to the system in the block, and kept again after it, where it is kept at all."""
    if kept:
        keep_freed_memory(False)
    try:
        yield
    finally:
        if kept:
            keep_freed_memory()

"""How many kernels, copies and fills one call puts on a GPU."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable

import torch

_LAUNCHES = (0, 1, 2)
"""``cudaGraphNodeTypeKernel``, ``Memcpy`` and ``Memset``; the other types of node do nothing on the device."""


def nodes(graph: torch.cuda.CUDAGraph) -> int | None:
    """Count the launches in a captured graph that was kept; None where the runtime's library cannot be asked."""
    with contextlib.suppress(OSError, AttributeError, RuntimeError, TypeError):
        library = ctypes.CDLL(_runtime())
        handle, count = ctypes.c_void_p(int(graph.raw_cuda_graph())), ctypes.c_size_t(0)
        if library.cudaGraphGetNodes(handle, None, ctypes.byref(count)) != 0:
            return None
        found = (ctypes.c_void_p * count.value)()
        if library.cudaGraphGetNodes(handle, found, ctypes.byref(count)) != 0:
            return None
        kinds = [_kind(library, node) for node in found if node is not None]
        return sum(kind in _LAUNCHES for kind in kinds)
    return None


def profiled(call: Callable[[], object], device: torch.device) -> tuple[int, int] | None:
    """Count what one call does, with the profiler.

    Args:
        call: already warm.
        device: a GPU.

    Returns:
        Kernels, copies and fills on the device, and the host's requests for them (a graph of many kernels is one request); None where the
        profiler sees no device.
    """
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], acc_events=True) as profiler:
        call()
        torch.cuda.synchronize(device)
    events = profiler.events() or []
    on_device = sum(event.device_type.name == "CUDA" and not event.is_user_annotation for event in events)
    requests = sum(_is_request(event.name) for event in events)
    return (on_device, requests) if on_device else None


def _is_request(name: str) -> bool:
    """Whether a call of the runtime or the driver starts work on the device: ``cudaLaunchKernel``, ``cuLaunchKernelEx``."""
    return name.startswith(("cuda", "cu", "hip")) and any(word in name for word in ("LaunchKernel", "GraphLaunch", "Memcpy", "Memset"))


def _runtime() -> str:
    """Return the name under which torch has loaded the CUDA runtime."""
    return f"libcudart.so.{str(torch.version.cuda).partition('.')[0]}"


def _kind(library: ctypes.CDLL, node: int) -> int:
    kind = ctypes.c_int(-1)
    library.cudaGraphNodeGetType(ctypes.c_void_p(node), ctypes.byref(kind))
    return kind.value

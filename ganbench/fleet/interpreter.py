"""Starting this Python again with the same modules in reach, and what a process can ask of the kernel."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "600"
"""Between an ordinary process (0) and the first choice of the kernel's OOM killer (1000)."""


def python_command(function: str, *arguments: str) -> list[str]:
    """Return the command that calls ``module:function`` in a new interpreter with this one's search path.

    ``-m`` would put the current folder in front, where any file may be called torch.py.
    """
    module, _, name = function.partition(":")
    code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import {name}; {name}()"
    return [sys.executable, "-c", code, *arguments]


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, on Linux; leave at once where that has happened already.

    Args:
        parent: the process id of the parent.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def prefer_for_oom() -> None:
    """Let the kernel's OOM killer take this process rather than the one that looks after it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and of all that it has started; 0 where the kernel does not tell.

    Pages that a forked child shares with its parent count for both.
    """
    found, waiting = 0.0, [pid]
    while waiting:
        own = Path("/proc") / str(waiting.pop())
        with contextlib.suppress(OSError, ValueError, IndexError):
            found += int((own / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            for task in (own / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return found


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process group; a group that has gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def has_gpu() -> bool:
    """Return whether a driver of a GPU is loaded, without loading any library of it."""
    return any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))

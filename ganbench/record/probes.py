"""What the operating system says of this machine. Each probe answers None, never an error, where a machine does not tell."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganbench.errors import ConfigError

_NVIDIA_SMI_SECONDS = 10.0
_UNLIMITED_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2^63."""


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the CPU's model name, or the architecture where the kernel gives none (as on many ARM machines)."""
    for field in ("model name", "Model", "Hardware", "cpu model", "cpu"):
        if match := re.search(rf"^{field}\s*:\s*(.+)$", _text(cpuinfo), re.MULTILINE):
            return " ".join(match[1].split())
    return platform.processor() or platform.machine() or "unknown"


def cpu_cores() -> int:
    """Return the logical CPUs that this process may use."""
    with contextlib.suppress(AttributeError, OSError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_load() -> float | None:
    """Return how many processes wanted a CPU of this machine, on average over the last minute."""
    with contextlib.suppress(AttributeError, OSError):
        return round(os.getloadavg()[0], 2)
    return None


def cpu_quota(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return the container's limit in CPUs (2.5 means two and a half), the tightest of all levels; None without one."""
    quotas = [_quota(folder) for folder in _cgroups(root, membership, ("cpu", "cpu,cpuacct", ""))]
    known = [quota for quota in quotas if quota is not None]
    return round(min(known), 2) if known else None


def available_cpus() -> int:
    """Return the CPUs that this process may use: its affinity, bounded by the container's quota."""
    return max(1, min(cpu_cores(), int(cpu_quota() or cpu_cores())))


def memory_gib(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return the class of the memory that this process may use, in GiB; see :func:`size_class`."""
    limits = [_limit(folder) for folder in _cgroups(root, membership, ("memory", ""))]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    known = [limit for limit in limits if limit is not None and 0 < limit < _UNLIMITED_BYTES]
    return size_class(min(known)) if known else None


def size_class(num_bytes: int) -> int:
    """Return a size in GiB, rounded to an eighth of its power of two.

    Equal machines differ by what firmware and kernel keep for themselves; 23.4 and 24.1 GiB are both 24.
    """
    gib = num_bytes / 2**30
    step = max(1.0, 2.0 ** math.floor(math.log2(max(gib, 1.0))) / 8)
    return max(1, int(round(gib / step) * step))


_GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvmap", "/dev/kfd", "/dev/dxg")
"""What a driver of a GPU that torch can use leaves on Linux: NVIDIA's, its embedded ones, AMD's, and Windows' for WSL."""


def refuse_missing_gpu(device: str, files: Sequence[str] = _GPU_FILES) -> None:
    """Refuse a GPU on a machine that has none, before seconds pass in which torch is imported; what cannot be seen so, torch says later.

    Args:
        device: as ``training.device`` has it.
        files: of which there must be one.

    Raises:
        ConfigError: there is no driver.
    """
    if device.startswith("cuda") and sys.platform == "linux" and not any(map(os.path.exists, files)):
        raise ConfigError(f"training.device is {device!r}, and this machine has no GPU", hint="use --device cpu or auto")


def nvidia_driver(version: Path = Path("/proc/driver/nvidia/version")) -> str | None:
    """Return the version of the loaded NVIDIA kernel driver."""
    match = re.search(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s", _text(version))
    return match[1] if match else None


@functools.cache
def nvidia_power_limit_watts(uuid: str) -> float | None:
    """Return a GPU's power limit as nvidia-smi reports it; None where it is not there or does not say.

    Args:
        uuid: the GPU's UUID as CUDA gives it, with or without its ``GPU-``.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
    command = [program, "-i", name, "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_NVIDIA_SMI_SECONDS, check=True)
        return float(answer.stdout.strip().splitlines()[0])
    return None


def _quota(folder: Path) -> float | None:
    """Return quota over period in one cgroup, of either version."""
    with contextlib.suppress(ValueError, ZeroDivisionError, IndexError):
        if os.path.exists(folder / "cpu.max"):
            quota, period = _text(folder / "cpu.max").split()[:2]
            return float(quota) / float(period) if quota != "max" else None
        microseconds = float(_text(folder / "cpu.cfs_quota_us"))
        return microseconds / float(_text(folder / "cpu.cfs_period_us")) if microseconds > 0 else None
    return None


def _limit(folder: Path) -> int | None:
    """Return the memory limit of one cgroup in bytes, of either version."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _text(folder / name).strip()
        if text.isdigit():
            return int(text)
    return None


def _cgroups(root: Path, membership: Path, controllers: tuple[str, ...]) -> Iterator[Path]:
    """Yield the folders of this process's cgroups with their parents up to the mount; the controller of version 2 is ''."""
    for line in _text(membership).splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if names and not set(names.split(",")) & set(controllers):
            continue
        for mount in {root / names, root / names.split(",")[0], root / "unified"} if names else {root, root / "unified"}:
            folder = mount / path.strip("/")
            yield folder
            yield from (parent for parent in folder.parents if parent.is_relative_to(mount))


def _text(path: Path) -> str:
    """Return a file's text, empty where it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

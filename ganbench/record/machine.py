"""The hardware and software keys of a run: what must agree before two speeds may be compared.

The host's name is recorded beside them and is never part of a key. A field that a machine does not tell is None; nothing here raises
because a machine is odd.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import platform
import socket
from dataclasses import dataclass

from ganbench.record import probes
from ganbench.record.record import Key, Scalar
from ganbench.text import clean, plain


def hardware_key(device: str, gpu: tuple[str, int] | None = None, *, world: int = 1) -> Key:
    """Return the key of the machine that a run on ``device`` uses.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``, as torch names it. A run on the CPU does not depend on the GPUs beside it, so its key
            holds none.
        gpu: name and bytes of the GPU as another process here saw it, so that this one needs none.
        world: how many processes the run has, each with a GPU where the device is one.

    Returns:
        cpu, cpu_cores, cpu_quota (CPUs of the container, or None), memory_gib (a class), gpu, gpu_count (the GPUs that the run uses),
        gpu_memory_gib, gpu_power_limit_watts.
    """
    found: dict[str, Scalar] = _gpu(device) if gpu is None else {"name": gpu[0], "memory_gib": probes.size_class(gpu[1])}
    return Key.of(
        cpu=probes.cpu_model(),
        cpu_cores=probes.cpu_cores(),
        cpu_quota=probes.cpu_quota(),
        memory_gib=probes.memory_gib(),
        gpu=found.get("name"),
        gpu_count=world if found else 0,
        gpu_memory_gib=found.get("memory_gib"),
        gpu_power_limit_watts=found.get("power_limit_watts"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where and by what means the steps of a run are executed: a process of the run, its device, and how they compute."""

    device: str
    """``cpu``, ``cuda`` or ``cuda:N``."""
    rank: int = 0
    """Which of the run's processes this is."""
    world: int = 1
    """How many processes the run has."""
    hosts: int = 1
    """On how many machines these are."""
    precision: str
    """``fp32`` or ``bf16``."""
    tf32: bool
    """Whether fp32 products may use TF32."""
    deterministic: bool
    """Whether only deterministic algorithms are used."""
    threads: int
    """CPU threads of torch."""
    runner: str
    """How a step is executed: ``eager``, ``cuda_graph`` or ``compile``."""
    kernels: str
    """What the fused ops are: ``triton`` or ``ref``."""
    channels_last: bool
    """The layout: whether images lie in memory as NHWC."""
    keep_memory: bool = False
    """Whether the C library keeps freed memory."""

    @classmethod
    def of_process(
        cls,
        device: object,
        *,
        precision: str,
        runner: str = "none",
        kernels: str = "none",
        channels_last: bool = False,
        keep_memory: bool = False,
    ) -> Place:
        """Return the place of a measurement: the process as it is now, and what the caller says of the work."""
        import torch

        return cls(
            device=str(device),
            precision=precision,
            tf32=str(device).startswith("cuda") and torch.backends.cuda.matmul.allow_tf32,
            deterministic=torch.are_deterministic_algorithms_enabled(),
            threads=torch.get_num_threads(),
            runner=runner,
            kernels=kernels,
            channels_last=channels_last,
            keep_memory=keep_memory,
        )


def software_key(place: Place) -> Key:
    """Return the key of the software and the numerics of a run.

    Returns:
        The fields of the place (only the kind of its device, and nothing of a single process) with python, torch, and on a GPU cuda,
        cudnn, driver, triton and cudnn_benchmark.
    """
    kind = place.device.partition(":")[0]
    import torch

    on_gpu = kind == "cuda"
    return Key.of(
        **({"world": place.world, "hosts": place.hosts} if place.world > 1 else {}),
        device=kind,
        precision=place.precision,
        tf32=place.tf32,
        deterministic=place.deterministic,
        threads=place.threads,
        runner=place.runner,
        kernels=place.kernels,
        channels_last=place.channels_last,
        keep_memory=place.keep_memory,
        python=".".join(platform.python_version_tuple()[:2]),
        torch=str(torch.__version__),
        cuda=(torch.version.cuda or torch.version.hip) if on_gpu else None,
        cudnn=_cudnn() if on_gpu else None,
        cudnn_benchmark=bool(torch.backends.cudnn.benchmark) if on_gpu else None,
        driver=probes.nvidia_driver() if on_gpu else None,
        triton=_installed("triton") if on_gpu else None,
    )


def host_name() -> str:
    """Return this machine's name; empty where it has none."""
    with contextlib.suppress(OSError):
        return socket.gethostname()
    return ""


@functools.cache
def _gpu(device: str) -> dict[str, Scalar]:
    """Return name, memory and power limit of the GPU that ``device`` means; empty for the CPU."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return {}
    found: dict[str, Scalar] = {"name": kind}
    if kind == "cuda":
        import torch

        with contextlib.suppress(Exception):  # a broken driver must not end a run that works
            properties = torch.cuda.get_device_properties(int(index) if index else torch.cuda.current_device())
            found |= {"name": str(properties.name), "memory_gib": probes.size_class(int(properties.total_memory))}
            found["power_limit_watts"] = probes.nvidia_power_limit_watts(str(properties.uuid))
    return found


def _cudnn() -> int | None:
    import torch

    with contextlib.suppress(Exception):  # a mismatch of cuDNN versions raises RuntimeError; it is told by the run, not here
        version = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        return None if version is None else int(version)
    return None


def _installed(distribution: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(distribution)
    return None


def describe_machine(hardware: Key) -> str:
    """Return for instance ``NVIDIA H200, 140 GiB, 700 W | AMD EPYC, 16 cores, 128 GiB``; what the key lacks is left out."""
    fields = dict(hardware.fields)
    gpu = _join(_named(fields, "gpu"), _unit(fields, "gpu_memory_gib", "GiB"), _unit(fields, "gpu_power_limit_watts", "W"))
    gpu_count = fields.get("gpu_count")
    if gpu and isinstance(gpu_count, int) and gpu_count > 1:
        gpu = f"{gpu_count} x {gpu}"
    cores = _unit(fields, "cpu_cores", "core" if fields.get("cpu_cores") == 1 else "cores")
    quota = _unit(fields, "cpu_quota", "CPUs allowed")
    cpu = _join(_named(fields, "cpu"), cores, quota, _unit(fields, "memory_gib", "GiB"))
    return " | ".join(part for part in (gpu, cpu) if part) or "unknown machine"


def describe_difference(ours: Scalar, theirs: Scalar) -> str:
    """Return ``bf16 (others fp32)``."""
    return f"{_say(ours)} (others {_say(theirs)})"


def _say(value: Scalar) -> str:
    return {True: "on", False: "off", None: "none"}[value] if value is None or isinstance(value, bool) else clean(str(value))


def _named(fields: dict[str, Scalar], name: str) -> str:
    value = fields.get(name)
    return clean(str(value)) if value else ""


def _unit(fields: dict[str, Scalar], name: str, unit: str) -> str:
    value = fields.get(name)
    return f"{plain(value)} {unit}" if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)

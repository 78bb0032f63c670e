"""A machine in one line, from a record's hardware key."""

from __future__ import annotations

from ganbench.metrics.key import Key, Scalar
from ganbench.results.table.formats import clean, plain


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

"""Every number as JSON, with the keys of the machine; and the machine in a line for a table's head."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import torch

from ganbench.distribution import own_distribution
from ganbench.record.machine import Place, describe_machine, hardware_key, software_key
from ganbench.record.record import Key

SCHEMA_VERSION = 1


def document(command: str, settings: dict[str, Any], report: Any, *, device: torch.device, software: Key) -> str:
    """Return a report as JSON.

    Args:
        command: ``bench kernels`` or ``bench step``.
        settings: what was asked for.
        report: a dataclass of figures.
        device: where it ran.
        software: the software key.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "ganbench_version": own_distribution().version,
        "hardware": dict(hardware_key(str(device)).fields),
        "software": dict(software.fields),
        "settings": settings,
        **asdict(report),
    }
    return json.dumps(content, indent=1, default=str) + "\n"


def software_of(
    device: torch.device,
    *,
    precision: str,
    runner: str = "none",
    kernels: str = "none",
    channels_last: bool = False,
    keep_memory: bool = False,
) -> Key:
    """Return the software key of a measurement: the process as it is, and what the caller says of the work."""
    return software_key(
        Place(
            device=str(device),
            precision=precision,
            tf32=device.type == "cuda" and torch.backends.cuda.matmul.allow_tf32,
            deterministic=torch.are_deterministic_algorithms_enabled(),
            threads=torch.get_num_threads(),
            runner=runner,
            kernels=kernels,
            channels_last=channels_last,
            keep_memory=keep_memory,
        )
    )


def heading(device: torch.device) -> tuple[str, ...]:
    """Return the machine and the software, a line each."""
    software = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    if device.type == "cuda":
        key = dict(software_of(device, precision="").fields)
        software += [f"{name} {key[name]}" for name in ("triton", "cuda", "driver") if key.get(name)]
    else:
        threads = torch.get_num_threads()
        software.append(f"{threads} thread{'' if threads == 1 else 's'}")
    return describe_machine(hardware_key(str(device))), ", ".join(software)

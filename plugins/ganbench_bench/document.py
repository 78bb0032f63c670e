"""Every number as JSON, with the keys of the machine; and the machine in a line for a table's head."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import torch

import ganbench
from ganbench import Place, describe_machine, hardware_key, software_key

SCHEMA_VERSION = 1


def document(command: str, settings: dict[str, Any], report: Any, place: Place) -> str:
    """Return a report as JSON.

    Args:
        command: ``bench kernels`` or ``bench step``.
        settings: what was asked for.
        report: a dataclass of figures.
        place: where and by what means it was measured.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "ganbench_version": ganbench.__version__,
        "hardware": dict(hardware_key(place.device).fields),
        "software": dict(software_key(place).fields),
        "settings": settings,
        **asdict(report),
    }
    return json.dumps(content, indent=1, default=str) + "\n"


def heading(device: torch.device) -> tuple[str, ...]:
    """Return the machine and the software, a line each."""
    software = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    if device.type == "cuda":
        key = dict(software_key(Place.of_process(device, precision="")).fields)
        software += [f"{name} {key[name]}" for name in ("triton", "cuda", "driver") if key.get(name)]
    else:
        threads = torch.get_num_threads()
        software.append(f"{threads} thread{'' if threads == 1 else 's'}")
    return describe_machine(hardware_key(str(device))), ", ".join(software)

"""What a machine is, as JSON: the fields of the hardware and software keys, nvidia-smi's line, and what ``ganbench doctor`` finds.

``python benchmarks/gpu_machine.py machine.json``; the host's name and paths of the user are left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from ganbench.record.machine import Place, hardware_key, software_key

_QUERY = "name,driver_version,pstate,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu,utilization.gpu,memory.used"


def machine() -> dict[str, Any]:
    """Return everything that a reader of figures from this machine may ask."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    software = software_key(
        Place(
            device=device,
            precision="fp32",
            tf32=False,
            deterministic=False,
            threads=torch.get_num_threads(),
            runner="auto",
            kernels="auto",
            channels_last=True,
        )
    )
    versions = {
        name: value for name, value in software.fields if name in ("device", "python", "torch", "cuda", "cudnn", "driver", "triton")
    }
    doctor = subprocess.run([sys.executable, "-m", "ganbench", "doctor", "--json"], capture_output=True, text=True, check=False)
    findings = [f for f in json.loads(doctor.stdout) if not f["check"].startswith("folder")]
    return {"hardware": dict(hardware_key(device).fields), "software": versions, "nvidia_smi": _nvidia_smi(), "doctor": findings}


def _nvidia_smi() -> dict[str, str] | None:
    """Return the GPU's state at this moment, or None where it cannot be asked."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, f"--query-gpu={_QUERY}", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    lines = answer.stdout.strip().splitlines()
    return dict(zip(_QUERY.split(","), (v.strip() for v in lines[0].split(",")), strict=False)) if lines else None


if __name__ == "__main__":
    found = machine()
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in found.items() if k != "doctor"}, indent=1))
    for one in found["doctor"]:
        print(f"{one['state']:<8} {one['check']:<24} {one['detail']}")

"""What fails on which machine, and what is written.

On a hosted runner time is measured beside unknown neighbours, so that it is only told; what has no noise, and what the metrics say of the
frozen samples, fails. On a GPU of one's own, speed and memory fail too.
"""

from __future__ import annotations

from pathlib import Path

from ganbench.compare.verdict import Gate, Tier

HOSTED: dict[Tier, Gate] = {"throughput": "warn", "memory": "warn"}
"""The gates of a runner that others use too."""
OWN_GPU: dict[Tier, Gate] = {"throughput": "fail", "memory": "fail"}
"""The gates of a machine with a GPU for this job alone."""

FILES = {"json": "verdict.json", "markdown": "verdict.md", "junit": "verdict.xml", "github-benchmark": "benchmark.json"}
"""Kinds of output and the files that hold them; ``benchmark.json`` becomes ``benchmark-bigger.json`` and ``benchmark-smaller.json``."""
SAMPLES = "samples.json"
"""Every block of every process."""


def gates_of(*, gpu: bool) -> dict[Tier, Gate]:
    """Return the gates of a kind of machine."""
    return OWN_GPU if gpu else HOSTED


def outputs_in(folder: Path) -> tuple[str, ...]:
    """Return the files of a folder as ``-o`` takes them."""
    return tuple(f"{kind}={folder / name}" for kind, name in FILES.items())

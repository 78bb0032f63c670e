"""A fake worker: it speaks the protocol without torch, writes down when it worked, and misbehaves when it is told to."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.fleet.pairs.lockstep import PairPlan
from ganbench.fleet.worker import Launch

FAKE = """
import json, os, signal, subprocess, sys, time

job = json.loads(sys.stdin.readline())
role, mode, log = job["role"], job["mode"], job["log"]
what, _, when = mode.partition("@")


def say(**answer):
    print(json.dumps(answer), flush=True)


def note(text):
    with open(log, "a") as file:
        file.write(f"{role} {text}\\n")


def misbehave(now):
    if now != when:
        return
    if what == "die":
        print("first words\\nlast words", file=sys.stderr, flush=True)
        os._exit(7)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(600)
    if what == "garbage":
        print("Hello, I am a plugin", flush=True)
    if what == "endless":
        while True:
            sys.stdout.write("x" * 65536)
    if what == "flood":
        sys.stderr.write("noise " * 500_000 + "\\nthe end\\n")


note("started")
misbehave("start")
if what == "refuse":
    say(error={"usage": True, "message": "ConfigError: unknown setting 'training.shiny'"})
    raise SystemExit
if what == "fail":
    say(error={"usage": False, "message": "RuntimeError: broken"})
    raise SystemExit
say(ready=job["ready"])
for line in sys.stdin:
    order = json.loads(line)
    if "run" in order:
        note(f"begins {order['run']}")
        misbehave("block")
        note("ends")
        say(block={"seconds": job["step_seconds"] * order["run"], "images": 64.0 * order["run"]})
    elif "measure" in order:
        note("measure")
        say(measure=True)
    else:
        misbehave("finish")
        say(facts=job["facts"] | {"counted": order["counts"]})
"""

READY = {
    "ganbench": "/tree/ganbench",
    "from_tree": ["ganbench"],
    "foreign": [],
    "made_by": ["ganbench_dcgan"],
    "generator_parameters": 1000,
    "discriminator_parameters": 500,
    "data_hash": "ab" * 32,
    "what": "dcgan on digits, batch 64, eager on cpu",
    "gpu": {},
    "torch": "2.15.0",
    "startup_seconds": 2.0,
}
FACTS = {
    "phase_milliseconds": {"joint": 10.0},
    "peak_rss_mib": 800.0,
    "peak_device_mib": None,
    "trajectory_hash": "cd" * 32,
    "trajectory_steps": 8,
    "op_count": 205,
    "checkpoint_bytes": 4096,
    "optimizer_numbers": 3000,
    "flops_per_iteration": 10**9,
}

Fake = Callable[..., Launch]
QUICK = PairPlan(pair_seconds=0.0, warmup_seconds=0.0, first_steps=2, start_timeout=60.0, block_timeout=60.0)


@pytest.fixture
def quick_plan() -> PairPlan:
    """Return the plan of the shortest pair: three rounds."""
    return QUICK


@pytest.fixture
def log(tmp_path: Path) -> Callable[[], list[str]]:
    """Return a reader of what the fake workers have written down."""
    return lambda: (tmp_path / "log").read_text(encoding="ascii").splitlines()


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Return a maker of fake workers: ``fake("head", mode="die@block", step_seconds=0.02)``."""
    return functools.partial(fake_launch, tmp_path)


def fake_launch(
    folder: Path, role: str, mode: str = "", step_seconds: float = 0.01, facts: dict[str, Any] | None = None, **ready: Any
) -> Launch:
    """Return how to start a fake worker.

    Args:
        folder: where it writes down what it does.
        role: what it is called.
        mode: ``die@block``: what it does, and when.
        step_seconds: what it says that a step takes.
        facts: what it says in the end, where that is not the same as others say.
        ready: what it says in the beginning, likewise.
    """
    job = {
        "role": role,
        "mode": mode,
        "log": str(folder / "log"),
        "step_seconds": step_seconds,
        "ready": {**READY, **ready},
        "facts": {**FACTS, **(facts or {})},
    }
    return Launch(name=role, command=(sys.executable, "-c", FAKE), environment=dict(os.environ), folder=str(folder), job=job)

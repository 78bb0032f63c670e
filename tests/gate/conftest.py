"""Processes that speak the protocol of ``ganbench ab`` and train nothing, commands that start such, a repository of a CI job,
and histories: one record for each commit, a day apart."""

from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ganbench import Evaluation, Key, Launch, RunRecord
from ganbench.cli.main import main
from ganbench_gate import measure
from ganbench_gate.history import add_record
from ganbench_gate.lockstep import PairPlan
from ganbench_gate.side import Side

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


if job["resolved"] is not None:
    say(resolved=job["resolved"])
    raise SystemExit
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
    elif "fingerprint" in order:
        say(fingerprint=job["fingerprint"])
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
    "memory_readings": [[step, 800 << 20] for step in range(10, 80, 10)],
    "object_growth": {"per_step": {"tensor": 0.0, "graph node": 0.0}, "named": [], "steps": 60},
}
FINGERPRINT = {
    "digests": {"before": {"budget": "12"}, "0 %": {"generator": "34", "evaluated samples": "56"}},
    "metrics": ["fd"],
    "kimg": 80.0,
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
    folder: Path,
    role: str,
    mode: str = "",
    step_seconds: float = 0.01,
    facts: dict[str, Any] | None = None,
    resolved: dict[str, Any] | None = None,
    fingerprint: Any = None,
    **ready: Any,
) -> Launch:
    """Return how to start a fake worker.

    Args:
        folder: where it writes down what it does.
        role: what it is called.
        mode: ``die@block``: what it does, and when.
        step_seconds: what it says that a step takes.
        facts: what it says in the end, where that is not the same as others say.
        resolved: what it says when it is asked what it would run; None for a process that trains.
        fingerprint: what it says of its whole run, likewise.
        ready: what it says in the beginning, likewise.
    """
    job = {
        "role": role,
        "mode": mode,
        "resolved": resolved,
        "log": str(folder / "log"),
        "step_seconds": step_seconds,
        "ready": {**READY, **ready},
        "facts": {**FACTS, **(facts or {})},
        "fingerprint": fingerprint or FINGERPRINT,
    }
    return Launch(name=role, command=(sys.executable, "-c", FAKE), environment=dict(os.environ), folder=str(folder), job=job)


@pytest.fixture
def seen() -> dict[str, Side]:
    """Return the sides of the last call, by role."""
    return {}


@pytest.fixture
def call_with_fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: dict[str, Side]) -> Callable[..., int]:
    """Return a caller of a command whose workers are fakes: ``call_with_fakes("ab", "./a", "./b", head={"mode": "die@block"})``.

    The current folder is empty but for the checkouts ``a`` and ``b``, and no job of a CI system is around it.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_BASE_REF"):
        monkeypatch.delenv(name, raising=False)
    for name in ("a", "b"):
        (tmp_path / name / "ganbench").mkdir(parents=True)
        (tmp_path / name / "ganbench" / "__init__.py").touch()

    def invoke(command: str, *arguments: str, **given: dict[str, Any]) -> int:
        def launch(role: str, side: Side, **_: object) -> Any:
            seen[role] = side
            slower = {"step_seconds": 0.01 * (1 + side.slowdown)}
            return fake_launch(tmp_path, role, **{**slower, **given.get(role, {}), "resolved": None})

        def resolve(role: str, side: Side, **_: object) -> Any:
            return fake_launch(tmp_path, role, resolved=given.get(role, {}).get("resolved", {}))

        monkeypatch.setattr(measure, "make_launch", launch)
        monkeypatch.setattr(measure, "make_resolve_launch", resolve)
        monkeypatch.setattr(measure, "refuse_missing_gpu", lambda device: None)  # nothing is run on it
        return main([command, *arguments, "--pairs", "2", "--pair-seconds", "0.001"])

    return invoke


Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return what runs git in ``tmp_path/checkout``, the current folder, which has no commit yet."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def call(*arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    call("init", "--quiet", "--initial-branch=main")
    return call


@pytest.fixture
def commit(git: Git) -> Callable[[str], str]:
    """Return what makes an empty commit and returns its hash."""

    def call(message: str) -> str:
        git("commit", "--quiet", "--allow-empty", "-m", message)
        return git("rev-parse", "HEAD")

    return call


START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def commit_of(day: int) -> str:
    """Return the commit of a day: 12 hex digits."""
    return f"{day + 1:06x}abcdef"


@pytest.fixture
def make_run(make_record: Callable[..., RunRecord], make_value: Callable[..., Any]) -> Callable[..., RunRecord]:
    """Return a builder: ``make_run(day=3, speed=1250.0, quality=12.5, flops=10**9)``; keys by name; other words replace fields."""

    def build(day: int = 0, *, speed: float = 1250.0, quality: float = 12.5, memory: float = 612.5, **changes: Any) -> RunRecord:
        seed = changes.get("seed", 0)
        moment = START + timedelta(days=day, seconds=seed)
        record = make_record(run_id=f"{moment:%Y%m%d-%H%M%S}-dcgan-digits-s{seed}", created=moment.isoformat())
        kinds = ("hardware", "software", "work")
        keys = {kind: Key.of(**{**dict(getattr(record.keys, kind).fields), **changes.pop(kind, {})}) for kind in kinds}
        counted = {"flops_per_iteration": changes.pop("flops", record.work.flops_per_iteration)}
        value = make_value(quality, **changes.pop("metric", {}))
        fields = {
            "keys": dataclasses.replace(record.keys, **keys),
            "throughput": dataclasses.replace(record.throughput, samples_per_second=speed, peak_memory_mib=memory),
            "work": dataclasses.replace(record.work, **counted),
            "evaluations": (Evaluation(samples_seen=100_000, training_seconds=80.0, values=(value,)),),
        }
        return dataclasses.replace(record, **{**fields, **changes})

    return build


@pytest.fixture
def make_history(tmp_path: Path, make_run: Callable[..., RunRecord]) -> Callable[..., Path]:
    """Return a builder of a directory: ``make_history([1250.0, 1240.0, ...])``, one run of each speed on successive days and commits."""

    def build(speeds: Sequence[float], folder: str = "history", **changes: Any) -> Path:
        for day, speed in enumerate(speeds):
            add_record(tmp_path / folder, make_run(day, speed=speed, **changes), commit_of(day))
        return tmp_path / folder

    return build

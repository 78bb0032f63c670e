"""Runs in forked processes, and what two runs must have in common to be the same; for tests, and for ``benchmarks/crash.py``."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import ganbench
from ganbench.record.events import read_events
from ganbench.run.checkpoint import load_checkpoint

PATIENCE_SECONDS = 120
"""Far more than anything here needs: a hanging run fails its test and not the whole suite."""
_KEPT = ("status", "seed", "config", "plugins", "dataset_hash", "keys", "work", "collapsed", "notes")


class ForkServer:
    """The running server."""

    def __init__(self, cache: Path) -> None:
        root = Path(ganbench.__file__).parents[1]
        paths = [str(root), str(root / "plugins"), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in paths if p), "MPLBACKEND": "agg"}
        command = [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(cache)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        if not ready:
            if "wait" in request:
                os.kill(request["wait"], signal.SIGKILL)
                self._process.stdout.readline()
            raise TimeoutError(f"no answer to {request}")
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()


@dataclass
class Child:
    """A command line that runs in a forked process."""

    server: ForkServer
    pid: int
    files: Path
    code: int | None = None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Return its exit code, or minus the signal that killed it."""
        if self.code is None:
            self.code = self.server.ask({"wait": self.pid})["code"]
        return self.code

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return self.files.with_suffix(".out").read_text()

    @property
    def stderr(self) -> str:
        """What it has said."""
        return self.files.with_suffix(".err").read_text()

    def until(self, happened: Callable[[], object]) -> None:
        """Wait for something that the child does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, self.stderr
            time.sleep(0.005)


def differences(one: Path, other: Path) -> list[str]:
    """Return what differs between two finished runs, times and numbers of resumes left out."""
    first, second = _fingerprint(one), _fingerprint(other)
    places = sorted(first.keys() | second.keys())
    return [f"{p}: {first.get(p)} != {second.get(p)}" for p in places if first.get(p) != second.get(p)]


def _fingerprint(run: Path) -> dict[str, Any]:
    """Return everything of a finished run that must not depend on interruptions, by place."""
    state = load_checkpoint(run / "checkpoints")
    assert state is not None
    record = json.loads((run / "record.json").read_text())
    everything = {
        "state": {name: value for name, value in state.items() if name not in ("seconds", "created", "events_bytes", "evaluations")},
        "evaluations": [(e["samples_seen"], e["values"]) for e in record["evaluations"]],
        "record": {name: record[name] for name in _KEPT},
        "samples": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (run / "samples").iterdir()},
        "events": [{k: v for k, v in e.items() if k not in ("time", "training_seconds")} for e in read_events(run / "events.jsonl")],
        "leftovers": [p.name for p in run.rglob("*tmp")],
    }
    return dict(_flat("", everything))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a state by its path; a tensor is its type, shape and the hash of its bits."""
    if isinstance(value, dict):
        for key in value:
            yield from _flat(f"{path}/{key}".lstrip("/"), value[key])
    elif isinstance(value, (list, tuple)):
        resumes = path == "state/counters"
        for index, item in enumerate(value[:-1] if resumes else value):
            yield from _flat(f"{path}/{index}", item)
    elif isinstance(value, torch.Tensor):
        bits = value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        yield path, (str(value.dtype), tuple(value.shape), hashlib.sha256(bits).hexdigest())
    else:
        yield path, value

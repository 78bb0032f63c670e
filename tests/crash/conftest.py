"""Runs in forked processes, and what two runs must have in common to be the same."""

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

import numpy as np
import pytest
import torch
from PIL import Image

import ganbench
from ganbench.record.events import read_events
from ganbench.run.checkpoint import load_checkpoint

PATIENCE_SECONDS = 120
"""Far more than anything here needs: a hanging run fails its test and not the whole suite."""


TINY = (
    *("--plugin", "dcgan", "--kimg", "0.6", "--batch-size", "30", "--seed", "3", "--quiet", "-o", "dataset.resolution=8"),
    *("-o", "generator_width=4", "-o", "discriminator_width=4", "-o", "latent_dim=8", "--metric", "fd200_digits"),
    *("--set", "evaluation.every_kimg=0.2", "--set", "checkpoint.every_kimg=0.09", "--set", "evaluation.grid_size=2"),
)
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


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """Return the server of this test session; its runs share one cache."""
    server = ForkServer(tmp_path_factory.mktemp("cache"))
    folder = tmp_path_factory.mktemp("warm")
    arguments = ["run", *TINY, "--kimg", "0.03", "--out", "run"]  # fills the cache, so that later runs take equally long
    assert server.ask({"wait": server.ask({"argv": arguments, "folder": str(folder), "name": "child"})["pid"]})["code"] == 0
    yield server
    server.close()


@pytest.fixture
def launch(fork_server: ForkServer, tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start a command line in the test's folder; whatever still runs at the end is killed."""
    children: list[Child] = []

    def start(*argv: str, folder: Path = tmp_path, **options: Any) -> Child:
        name = f"child{len(children)}"
        pid = fork_server.ask({"argv": list(argv), "folder": str(folder), "name": name, **options})["pid"]
        children.append(Child(fork_server, pid, folder / name))
        return children[-1]

    yield start
    for child in children:
        if child.code is None:
            child.signal(signal.SIGKILL)
            child.wait()


@pytest.fixture
def call(launch: Callable[..., Child]) -> Callable[..., Child]:
    """Run a command line to its end."""

    def run(*argv: str, **options: Any) -> Child:
        child = launch(*argv, **options)
        child.wait()
        return child

    return run


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Return the arguments of a run of twenty steps that evaluates, draws and saves often."""
    return ("run", *TINY)


@pytest.fixture(scope="session")
def differences() -> Callable[[Path, Path], list[str]]:
    """Return the function that lists what differs between two finished runs, times and numbers of resumes left out."""

    def compare(one: Path, other: Path) -> list[str]:
        first, second = _fingerprint(one), _fingerprint(other)
        places = sorted(first.keys() | second.keys())
        return [f"{p}: {first.get(p)} != {second.get(p)}" for p in places if first.get(p) != second.get(p)]

    return compare


@pytest.fixture(scope="session")
def disk() -> Callable[[Path], dict[str, str]]:
    """Return the function that hashes every file below a folder but the lock."""

    def contents(folder: Path) -> dict[str, str]:
        files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock")
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    return contents


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


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 240 grey images of 16x16 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for index in range(240):
        Image.fromarray(random.integers(0, 256, (16, 16), dtype=np.uint8)).save(folder / f"{index:03d}.png")
    return folder

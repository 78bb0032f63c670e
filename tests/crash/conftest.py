"""Runs in forked processes, as fixtures."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
from forked import Child, ForkServer
from PIL import Image

TINY = (
    *("--plugin", "dcgan", "--kimg", "0.6", "--batch-size", "30", "--seed", "3", "--quiet", "-o", "dataset.resolution=8"),
    *("-o", "generator_width=4", "-o", "discriminator_width=4", "-o", "latent_dim=8", "--metric", "fd200_digits"),
    *("--set", "evaluation.every_kimg=0.2", "--set", "checkpoint.every_kimg=0.09", "--set", "evaluation.grid_size=2"),
)


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
    return forked.differences


@pytest.fixture(scope="session")
def disk() -> Callable[[Path], dict[str, str]]:
    """Return the function that hashes every file below a folder but the lock."""

    def contents(folder: Path) -> dict[str, str]:
        files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock")
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    return contents


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 240 grey images of 16x16 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for index in range(240):
        Image.fromarray(random.integers(0, 256, (16, 16), dtype=np.uint8)).save(folder / f"{index:03d}.png")
    return folder

"""A Ray cluster of three simulated nodes, which the tests of a file share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated import Matrix, Nodes


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Return three nodes of two CPUs, and a head that runs no cell."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed here")
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch, (folder / "ray.txt").open("w") as log:
        patch.setenv("GANBENCH_CACHE", str(folder / "cache"))
        made = Nodes(3, log=log)
        yield made
        made.close()


@pytest.fixture
def call(workplace: Path) -> Iterator[Callable[..., Matrix]]:
    """Return a function that calls ``ganbench matrix``; what still runs at the end of a test is killed."""
    called: list[Matrix] = []

    def start(*arguments: str, **how: Any) -> Matrix:
        called.append(Matrix(*arguments, **{"folder": workplace, **how}))
        return called[-1]

    yield start
    for one in called:
        one.kill()


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path

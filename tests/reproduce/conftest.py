"""Reproductions of an experiment that only counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counting import Counting, request

from ganbench_reproduce import drive
from ganbench_reproduce.directory import ReproductionDirectory
from ganbench_reproduce.record import ReproductionRecord

Reproduce = Callable[..., ReproductionRecord]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def reproduce(folder: Path) -> Reproduce:
    """Run an experiment in the folder; ``stop`` never says yes unless it is given."""

    def run(experiment: Counting | None = None, stop: Callable[[], bool] = lambda: False, **asked: Any) -> ReproductionRecord:
        with ReproductionDirectory(folder) as directory:
            return drive.reproduce(experiment or Counting(), request(**asked), directory, say=lambda text: None, stop=stop)

    return run

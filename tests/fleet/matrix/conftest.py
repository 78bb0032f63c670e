"""Tiny cells: of a DCGAN, and of a plugin that misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganbench.fleet.executor import CellOutcome, CellProgress, CellRequest, CellTask
from ganbench.fleet.local import LocalExecutor

TINY = {
    "dataset.options.resolution": 8,
    "training.total_kimg": 0.24,
    "training.batch_size": 24,
    "training.device": "cpu",
    "evaluation.metrics": ["fd100_digits"],
    "evaluation.every_kimg": 0.1,
    "evaluation.grid_size": 2,
}
NARROW = {f"architecture.options.{name}": 4 for name in ("latent_dim", "generator_width", "discriminator_width")}
WILD = f"{Path(__file__).with_name('wild.py')}:build"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep reference features of these runs out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """Return the settings of a DCGAN that trains for ten steps."""
    return {**TINY, **NARROW}


@pytest.fixture(scope="session")
def tiny_flags(settings: dict[str, Any]) -> list[str]:
    """Return them as flags."""
    return [f"--set={path}={value[0] if isinstance(value, list) else value}" for path, value in settings.items()]


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    """Return an executor whose workers all tests of a file share, as the cells of a matrix do."""
    made = LocalExecutor(1, grace_seconds=0.3)
    yield made
    made.close()


@pytest.fixture
def make_task(settings: dict[str, Any], tmp_path: Path) -> Callable[..., CellTask]:
    """Return a function that makes a task of a DCGAN, or of the wild plugin where it is to do something."""

    def make(name: str, act: str | None = None, *, note: str = "", changes: dict[str, Any] | None = None, **fields: Any) -> CellTask:
        chosen = settings if act is None else {**TINY, "architecture.options.act": act, "architecture.options.note": note}
        return CellTask(
            name=name,
            request=CellRequest(plugin="dcgan" if act is None else WILD, settings={**chosen, **(changes or {})}, options={}, off=[]),
            directory=tmp_path / name,
            log=tmp_path / "logs" / f"{name}.log",
            **{"threads": 1, "device": "cpu", **fields},
        )

    return make


@pytest.fixture
def finish(executor: LocalExecutor) -> Callable[..., dict[str, CellOutcome]]:
    """Return a function that runs tasks to their ends, and calls something between two looks."""

    def run(*tasks: CellTask, between: Callable[[], object] = lambda: None) -> dict[str, CellOutcome]:
        waiting, ended = list(tasks), {}
        running = 0
        while waiting or running:
            while waiting and running < executor.slots:
                executor.submit(waiting.pop(0))
                running += 1
            for happened in executor.wait():
                if not isinstance(happened, CellProgress):
                    ended[happened.name] = happened
                    running -= 1
            between()
        return ended

    return run

"""A matrix by ``--executor seeds``: the runs of ``local``, whatever happens to the process, to one seed, or to what cannot be stacked."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ganbench import CellOutcome, CellProgress, CellRequest, CellTask, ExecutorContext, UsageError
from ganbench.cli.main import cli
from ganbench_seeds import SeedsOptions
from ganbench_seeds.executor import SeedsExecutor

NARROW = {f"architecture.options.{name}": widths for name, widths in (("generator_widths", [16, 16]), ("discriminator_widths", [16, 16]))}
TINY = {
    **NARROW,
    "architecture.options.latent_dim": 4,
    "dataset.name": "ring8",
    "dataset.options.num_samples": 2000,
    "training.batch_size": 20,
    "training.total_kimg": 4.0,
    "training.device": "cpu",
    "evaluation.metrics": ["modes200_points"],
    "evaluation.every_kimg": 1.0,
    "evaluation.grid_size": 2,
}
pytestmark = pytest.mark.slow
Make = Callable[..., CellTask]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep reference features of these runs out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[SeedsExecutor]:
    """Return an executor of one process, which trains seeds together whichever way is faster here."""
    made = SeedsExecutor(SeedsOptions(only_if_faster=False), ExecutorContext(jobs=1, folder=tmp_path))
    yield made
    made.close()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes the cell of a seed."""

    def build(seed: int, plugin: str = "mlp", **changes: Any) -> CellTask:
        request = CellRequest(plugin=plugin, settings={**TINY, "training.seed": seed, **changes})
        return CellTask(
            name=f"s{seed}", request=request, directory=tmp_path / f"s{seed}", log=tmp_path / "logs" / f"s{seed}.log", device="cpu"
        )

    return build


def finish(
    executor: SeedsExecutor, tasks: list[CellTask], between: Callable[[list[CellProgress | CellOutcome]], object] = lambda happened: None
) -> dict[str, CellOutcome]:
    """Run cells to their ends, and call something between two looks."""
    for task in tasks:
        executor.submit(task)
    ended: dict[str, CellOutcome] = {}
    while len(ended) < len(tasks):
        happened = executor.wait()
        for one in happened:
            if isinstance(one, CellOutcome):
                assert one.name not in ended
                ended[one.name] = one
        between(happened)
    return ended


def record_of(task: CellTask) -> dict[str, Any]:
    """Return the record of a cell."""
    found: dict[str, Any] = json.loads((task.directory / "record.json").read_text())
    return found


def fields(record: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the fields of a key."""
    return dict(record["keys"][key]["fields"])


def test_each_seed_leaves_the_run_that_it_leaves_alone(tmp_path: Path) -> None:
    """By the command line: the same rows, files, settings and keys, but for the name of the runner, so that no speeds are compared."""
    flags = [f"--set={path}={','.join(map(str, value)) if isinstance(value, list) else value}" for path, value in TINY.items()]
    common = ["matrix", "-a", "plugin=mlp", "-a", "seed=0..2", *flags]
    together, alone = tmp_path / "together", tmp_path / "alone"
    for folder, more in ((together, ["--executor", "seeds", "-x", "only_if_faster=false"]), (alone, [])):
        result = CliRunner().invoke(cli, [*common, "--out", str(folder), *more])
        assert result.exit_code == 0, result.output
    paths = sorted(path.name for path in alone.glob("*-seed=*"))
    assert paths == sorted(path.name for path in together.glob("*-seed=*"))
    for name in paths:
        ours, own = (json.loads((folder / name / "record.json").read_text()) for folder in (together, alone))
        assert (together / name / "config.toml").read_text() == (alone / name / "config.toml").read_text()
        listed = [sorted(p.name for p in (folder / name).rglob("*") if p.suffix != ".pt") for folder in (together, alone)]
        assert listed[0] == listed[1]
        assert [event["event"] for event in _events(together / name)] == [event["event"] for event in _events(alone / name)]
        assert ours["keys"]["work"] == own["keys"]["work"]
        assert ours["keys"]["evaluation"] == own["keys"]["evaluation"]
        assert ours["evaluations"][0]["values"] == own["evaluations"][0]["values"]  # before the first step
        assert [e["samples_seen"] for e in ours["evaluations"]] == [e["samples_seen"] for e in own["evaluations"]]
        assert {**fields(ours, "software"), "runner": "eager"} == fields(own, "software")
        assert fields(ours, "software")["runner"] == "seeds"
        assert sum("trained together with 2 other seeds" in note for note in ours["notes"]) == 1
    states = [row["state"] for row in json.loads((together / "matrix.json").read_text())["cells"]]
    assert states == ["done"] * 3


def _events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]


def test_a_seed_that_diverges_does_not_end_the_others(executor: SeedsExecutor, make: Make) -> None:
    """Its record says so, and the others come to their ends."""
    free = [make(seed) for seed in range(3)]
    assert {one.state for one in finish(executor, free).values()} == {"done"}
    largest = {task.name: max(event.get("abs_logits", 0.0) for event in _losses(task.directory)) for task in free}
    worst, second = sorted(largest, key=lambda name: largest[name], reverse=True)[:2]
    bound = (largest[worst] * largest[second]) ** 0.5
    bounded = [
        dataclasses.replace(make(seed, **{"training.max_abs_logit": bound}), directory=free[seed].directory.with_name(f"b{seed}"))
        for seed in range(3)
    ]
    ended = finish(executor, bounded)
    assert {name: one.state for name, one in ended.items()} == {name: "diverged" if name == worst else "done" for name in ended}
    assert "the mean absolute logit reached" in ended[worst].reason
    assert record_of(bounded[int(worst[1:])])["status"] == "diverged"


def _losses(path: Path) -> list[dict[str, Any]]:
    return [event.get("statistics", event) for event in _events(path)]


def test_a_killed_group_goes_on_from_what_each_seed_has_saved(executor: SeedsExecutor, make: Make) -> None:
    """Nothing finished is lost, and the outcome asks for another attempt."""
    tasks = [make(seed, **{"training.total_kimg": 8.0}) for seed in range(2)]
    killed: list[int] = []

    def kill_once(happened: list[CellProgress | CellOutcome]) -> None:
        if not killed and all(list(task.directory.glob("checkpoints/*.pt")) for task in tasks):
            killed.append(int((tasks[0].directory / ".lock").read_text().split()[1]))
            os.kill(killed[0], signal.SIGKILL)

    ended = finish(executor, tasks, kill_once)
    assert {one.state for one in ended.values()} == {"killed"}
    assert "SIGKILL" in ended["s0"].reason
    again = finish(executor, tasks)
    assert {one.state for one in again.values()} == {"done"}
    for task in tasks:
        record = record_of(task)
        assert record["num_resumes"] == 1
        assert fields(record, "software")["runner"] == "seeds"
        assert [e["samples_seen"] for e in record["evaluations"]] == [1000 * kimg for kimg in range(9)]


def test_seeds_that_are_not_equally_far_meet_again(executor: SeedsExecutor, make: Make) -> None:
    """One of them was interrupted alone, and goes on behind the others until they are where it is."""
    tasks = [make(seed) for seed in range(3)]

    def stop(happened: list[CellProgress | CellOutcome]) -> None:
        if list(tasks[0].directory.glob("checkpoints/*.pt")):
            executor.interrupt()

    first = finish(executor, tasks[:1], stop)
    executor.close()
    assert first["s0"].state == "interrupted"
    fresh = SeedsExecutor(SeedsOptions(only_if_faster=False), ExecutorContext(jobs=1, folder=tasks[0].directory.parent))
    try:
        ended = finish(fresh, tasks)
    finally:
        fresh.close()
    assert {one.state for one in ended.values()} == {"done"}
    assert [record_of(task)["num_resumes"] for task in tasks] == [1, 0, 0]
    assert [record_of(task)["work"]["samples_seen"] for task in tasks] == [4000] * 3


def test_an_interrupt_saves_every_seed(executor: SeedsExecutor, make: Make) -> None:
    """And what has not begun is told as interrupted too."""
    tasks = [make(seed, **{"training.total_kimg": 400.0}) for seed in range(2)]
    later = make(9, **{"loss.name": "hinge"})

    def stop(happened: list[CellProgress | CellOutcome]) -> None:
        if any(isinstance(one, CellProgress) for one in happened):
            executor.interrupt()

    ended = finish(executor, [*tasks, later], stop)
    assert {one.state for one in ended.values()} == {"interrupted"}
    for task in tasks:
        assert list(task.directory.glob("checkpoints/*.pt"))
        assert not (task.directory / "record.json").exists()
    assert not later.directory.exists()


@pytest.mark.parametrize(
    ("plugin", "changes"),
    [
        ("mlp", {"architecture.options.discriminator_dropout": 0.5}),
        ("mlp", {"loss.options.historical_averaging": 1.0}),
    ],
)
def test_what_cannot_be_stacked_runs_as_ever(executor: SeedsExecutor, make: Make, plugin: str, changes: dict[str, Any]) -> None:
    """In a process of its own, as an eager run."""
    tasks = [make(seed, plugin, **{"training.total_kimg": 0.4, **changes}) for seed in range(2)]
    assert {one.state for one in finish(executor, tasks).values()} == {"done"}
    assert [fields(record_of(task), "software")["runner"] for task in tasks] == ["eager"] * 2


def test_a_cell_that_cannot_be_built_is_told_as_local_tells_it(executor: SeedsExecutor, make: Make) -> None:
    """With the reason, and not as a crash of the group."""
    tasks = [make(seed, **{"training.batch_size": 3000}) for seed in range(2)]
    ended = finish(executor, tasks)
    assert {one.state for one in ended.values()} == {"unsupported"}
    assert "training.batch_size is 3000" in ended["s0"].reason


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("seeds=1", "seeds must be 2 or more (got 1)"),
        ("seeds=many", "seeds must be a whole number (got 'many')"),
        ("sedes=4", "unknown option seeds.sedes"),
        ("grace_seconds=-1", "grace_seconds must be 0 or more (got -1.0)"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, given: str, message: str) -> None:
    """A usage error, which ends the program with 2, and nothing is made."""
    result = CliRunner().invoke(cli, ["matrix", "-a", "plugin=mlp", "--executor", "seeds", "-x", given, "--out", str(tmp_path / "m")])
    assert isinstance(result.exception, UsageError)
    assert message in result.exception.what
    assert not (tmp_path / "m").exists()

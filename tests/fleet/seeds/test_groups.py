"""Which cells are trained together."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ganbench import CellRequest, CellTask, ExecutorContext
from ganbench_seeds import SeedsOptions
from ganbench_seeds.executor import SeedsExecutor
from ganbench_seeds.groups import grouped, key_of, order_of, task_of


def task(seed: int, **changes: Any) -> CellTask:
    """Return a cell."""
    request = CellRequest(plugin="mlp", settings={"training.seed": seed, "loss.name": changes.pop("loss", "logistic")})
    if "reporters" in changes:
        request = dataclasses.replace(request, reporters=changes.pop("reporters"))
    return CellTask(name=f"{seed} {changes}", request=request, directory=Path(f"runs/{seed}"), log=Path("log"), **changes)


def names(tasks: list[CellTask]) -> list[str]:
    """Return the first words of names."""
    return [one.name.partition(" ")[0] for one in tasks]


def test_cells_that_differ_in_the_seed_alone_are_a_group() -> None:
    """Whatever order they come in; one of its kind is alone."""
    tasks = [task(0), task(0, loss="hinge"), task(1), task(1, loss="hinge"), task(2), task(7, loss="minimax")]
    groups, alone = grouped(tasks, most=64, parts=1)
    assert [names(group) for group in groups] == [["0", "1", "2"], ["0", "1"]]
    assert names(alone) == ["7"]


def test_a_group_is_no_larger_than_said_and_processes_share_the_seeds() -> None:
    """Nobody gets more than one seed above another."""
    tasks = [task(seed) for seed in range(10)]
    assert [len(group) for group in grouped(tasks, most=4, parts=1)[0]] == [4, 3, 3]
    assert [len(group) for group in grouped(tasks, most=64, parts=2)[0]] == [5, 5]
    assert [len(group) for group in grouped(tasks[:3], most=64, parts=8)[0]] == [3]


def test_what_is_timed_limited_or_told_is_alone() -> None:
    """A limit is one of a process with one run."""
    alone = [task(0, exclusive=True), task(0, timeout_seconds=9.0), task(0, memory_limit_mib=9.0), task(0, reporters={"jsonl": {}})]
    assert [key_of(one) for one in alone] == [None] * 4
    assert key_of(task(0)) == key_of(task(1)) != key_of(task(1, threads=2))
    without = dataclasses.replace(task(0), request=CellRequest(plugin="mlp", settings={}))
    assert key_of(without) is None


def test_the_threads_of_a_process_are_those_of_its_share_of_the_cpus(tmp_path: Path) -> None:
    """Slots are processes until they are counted, then cells, so that a whole group is handed over."""
    executor = SeedsExecutor(SeedsOptions(seeds=8), ExecutorContext(jobs=2, folder=tmp_path))
    try:
        assert executor.slots == 2
        executor.submit(task(0))
        assert executor.slots == 16
    finally:
        executor.close()


def test_a_cell_crosses_to_another_process_as_it_is() -> None:
    """Through a line of JSON."""
    import json

    one = task(3, threads=2, device="cpu")
    assert task_of(json.loads(json.dumps(order_of(one)))) == one

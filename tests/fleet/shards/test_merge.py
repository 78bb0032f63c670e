"""Shards put together: the same from any order, again and again, and never half a run."""

from __future__ import annotations

import errno
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ganbench import CellRow, MatrixLedger, NothingToCompare, RunLock, StorageError, UsageError
from ganbench.cli.main import main
from ganbench_cluster import merge as merging
from ganbench_cluster.merge import merge


def put(folder: Path, name: str, *, samples: int | None = None, content: str = "", state: Any = None, **changes: Any) -> Path:
    """Put a cell into a shard: finished, or with so many samples seen, or without a run."""
    run = folder / f"{name}-id"
    if state is None:
        run.mkdir(parents=True)
        (run / "config.toml").write_text("x = 1\n")
        record = {"status": "complete" if samples is None else "interrupted", "work": {"samples_seen": samples}, "content": content}
        (run / ("record.json" if samples is None else "partial_record.json")).write_text(json.dumps(record))
        (folder / "logs").mkdir(exist_ok=True)
        (folder / "logs" / f"{name}-id.log").write_text("printed")
    row = CellRow(name=name, state=state or ("done" if samples is None else "interrupted"), directory="" if state else run.name, **changes)
    MatrixLedger(folder).update([row])
    return run


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder but for locks."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.endswith(".lock")}


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Return three shards: one cell is in two of them, once finished; one has come further in the second; one is no run."""
    folders = [tmp_path / f"shard-{number}" for number in (1, 2, 3)]
    put(folders[0], "seed=10")
    put(folders[1], "seed=2", content="other")
    put(folders[0], "seed=3", samples=10)
    put(folders[1], "seed=3")
    put(folders[0], "seed=4", samples=10)
    put(folders[2], "seed=4", samples=20)
    put(folders[2], "seed=5", state="failed", reason="its process crashed with SIGSEGV")
    put(folders[1], "seed=5", state="waiting")
    return folders


def test_any_order_gives_the_same_folder_and_a_second_merge_changes_nothing(shards: list[Path], tmp_path: Path) -> None:
    """To the byte, the ledger too; also where the shards come one by one."""
    found = []
    for number, order in enumerate(itertools.permutations(shards)):
        whole = tmp_path / f"whole-{number}"
        done = merge(order, whole)
        assert (done.shards, done.cells, done.copied, done.known) == (3, 5, 4, 0)
        found.append(tree(whole))
        again = merge(order, whole)
        assert (again.copied, again.known) == (0, 4)
        assert tree(whole) == found[-1]
        one_by_one = tmp_path / f"slowly-{number}"
        for shard in order:
            merge([shard], one_by_one)
        assert tree(one_by_one) == found[-1]
    assert all(one == found[0] for one in found)
    rows = MatrixLedger(tmp_path / "whole-0").rows()
    assert [(row.name, row.state) for row in rows] == [
        *(("seed=2", "done"), ("seed=3", "done"), ("seed=4", "interrupted"), ("seed=5", "failed"), ("seed=10", "done"))
    ]
    assert json.loads(found[0]["seed=4-id/partial_record.json"])["work"]["samples_seen"] == 20
    assert not (tmp_path / "whole-0" / ".arriving").exists()


def test_two_finished_runs_of_one_cell_that_differ_are_named_and_nothing_is_changed(
    shards: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which of them is wanted only the user knows."""
    put(shards[2], "seed=10", content="changed")
    assert main(["matrix-merge", *map(str, shards), "--into", str(tmp_path / "whole")]) == 2
    said = capfd.readouterr().err
    assert said.startswith("ganbench: two finished runs of one cell differ: seed=10 in ")
    assert said.count("\n") == 1
    assert tree(tmp_path / "whole") == {}


def test_a_finished_run_takes_the_place_of_an_unfinished_one(shards: list[Path], tmp_path: Path) -> None:
    """And never the other way round."""
    merge(shards[:1], tmp_path / "whole")
    assert not (tmp_path / "whole" / "seed=3-id" / "record.json").exists()
    merge(shards[1:2], tmp_path / "whole")
    merge(shards[:1], tmp_path / "whole")
    assert (tmp_path / "whole" / "seed=3-id" / "record.json").exists()
    assert not (tmp_path / "whole" / "seed=3-id" / "partial_record.json").exists()


def test_moved_runs_leave_the_shards(shards: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same folder as of copied ones; the shards' ledgers stay, and another merge has nothing to do."""
    merge(shards, tmp_path / "copied")
    assert main(["matrix-merge", *map(str, shards), "--into", str(tmp_path / "moved"), "--move"]) == 0
    assert "3 shards: 5 cells, 4 runs moved, 0 there already" in capfd.readouterr().out
    assert tree(tmp_path / "moved") == tree(tmp_path / "copied")
    assert not list(tmp_path.glob("shard-*/*/record.json"))
    assert merge(shards, tmp_path / "moved", move=True).copied == 0


def test_a_full_disk_leaves_no_half_a_run(shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been brought is whole, and the next call brings the rest."""
    copytree, calls = shutil.copytree, []

    def full(source: Path, target: Path, **options: Any) -> Any:
        calls.append(source)
        if len(calls) < 3:
            return copytree(source, target, **options)
        target.mkdir(parents=True)
        (target / "config.toml").write_text("x")
        raise shutil.Error([(str(source), str(target), f"[Errno {errno.ENOSPC}] No space left on device: 'x'")])

    monkeypatch.setattr(merging.shutil, "copytree", full)
    with pytest.raises(StorageError, match="No space left on device"):
        merge(shards, tmp_path / "whole")
    assert len(list((tmp_path / "whole").glob("*-id"))) == 2
    assert not (tmp_path / "whole" / ".arriving").exists()
    monkeypatch.undo()
    merge(shards, tmp_path / "whole")
    merge(shards, tmp_path / "other")
    assert tree(tmp_path / "whole") == tree(tmp_path / "other")


def test_a_shard_that_is_running_is_refused(shards: list[Path], tmp_path: Path) -> None:
    """Its rows and runs are still changing."""
    lock = RunLock(shards[1] / ".matrix-2-of-3.lock")
    lock.acquire()
    try:
        with pytest.raises(UsageError, match="shard-2 is in use by process"):
            merge(shards, tmp_path / "whole")
    finally:
        lock.release()
    assert merge(shards, tmp_path / "whole").cells == 5


@pytest.mark.parametrize("name", ["..", ".", "../precious", "seed=2-id/../../precious", "/precious"])
def test_a_ledger_that_leads_out_of_its_folder_is_refused(shards: list[Path], tmp_path: Path, name: str) -> None:
    """A shard may be a stranger's: its runs would be put in the place of other folders."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "work.txt").write_text("mine")
    MatrixLedger(shards[1]).update(
        [CellRow(name="seed=9", state="waiting", directory=name.replace("/precious", str(precious)) if name[0] == "/" else name)]
    )
    with pytest.raises(UsageError, match="names a run outside its folder"):
        merge(shards, tmp_path / "whole", move=True)
    assert (precious / "work.txt").read_text() == "mine"
    assert tree(tmp_path / "whole") == {}


def test_a_folder_without_shards_is_nothing_to_compare(tmp_path: Path) -> None:
    """Exit code 5."""
    with pytest.raises(NothingToCompare, match="no shard in"):
        merge([tmp_path], tmp_path / "whole")

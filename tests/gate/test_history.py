"""The directory of a history: names, immutability, merging, damage."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import StorageError, UsageError
from ganbench.record.cells import cells_of
from ganbench.record.record import RunRecord
from ganbench.record.serialise import to_json
from ganbench_gate.history import add_record, checked_commit, read_history

Make = Callable[..., RunRecord]


def files(history: Path) -> list[Path]:
    return sorted(path for path in history.rglob("*") if path.is_file())


def test_a_record_lies_under_its_hardware_and_work(tmp_path: Path, make_run: Make) -> None:
    """Named by commit, time and run id; the file is the record as the run wrote it."""
    record = make_run(5, seed=2)
    path = add_record(tmp_path, record, "0123456789ab")
    hardware, work, name = path.relative_to(tmp_path).parts
    assert hardware == record.keys.hardware.digest
    assert work == cells_of([record])[0].digest
    assert re.fullmatch(r"0123456789ab-20260106T000002Z-20260106-000002-dcgan-digits-s2-[0-9a-f]{8}\.json", name)
    assert path.read_text(encoding="utf-8") == to_json(record)


def test_other_code_is_the_same_series_and_other_work_is_not(tmp_path: Path, make_run: Make) -> None:
    """A series follows the code; seed and sources do not part it."""
    paths = [
        add_record(tmp_path, make_run(day, seed=day, work=work))
        for day, work in enumerate(({"loss.code": "a 1 ab"}, {"loss.code": "a 1 cd"}, {"training.batch_size": 128}))
    ]
    assert paths[0].parent == paths[1].parent != paths[2].parent


def test_adding_twice_changes_nothing(tmp_path: Path, make_run: Make) -> None:
    """A second call is a repetition, not a second record."""
    first = add_record(tmp_path, make_run())
    before = first.stat().st_mtime_ns
    assert add_record(tmp_path, make_run()) == first
    assert (files(tmp_path), first.stat().st_mtime_ns) == ([first], before)


def test_two_copies_merge_without_a_conflict(tmp_path: Path, make_run: Make) -> None:
    """Even where two machines of a kind made runs of one id in one second: the names differ, and all of both is there."""
    for copy, speed in (("one", 1000.0), ("other", 1100.0)):
        add_record(tmp_path / copy, make_run(0, speed=speed), "0123456789ab")
        add_record(tmp_path / copy, make_run(1), "0123456789ab")
    names = [{path.relative_to(tmp_path / copy) for path in files(tmp_path / copy)} for copy in ("one", "other")]
    assert len(names[0] & names[1]) == 1
    shutil.copytree(tmp_path / "other", tmp_path / "one", dirs_exist_ok=True)
    speeds = sorted(entry.record.throughput.samples_per_second for entry in read_history(tmp_path / "one").entries)
    assert speeds == [1000.0, 1100.0, 1250.0]


def test_records_come_back_in_the_order_of_time(tmp_path: Path, make_run: Make) -> None:
    """With their commits, whatever the order in which they were added; the folders' own order means nothing."""
    for day in (3, 1, 2):
        add_record(tmp_path, make_run(day, hardware={"cpu_cores": day}), f"00000000000{day}")
    entries = read_history(tmp_path).entries
    assert [entry.commit for entry in entries] == ["000000000001", "000000000002", "000000000003"]
    assert [entry.record for entry in entries] == [make_run(day, hardware={"cpu_cores": day}) for day in (1, 2, 3)]


def test_a_damaged_record_is_named_and_passed_over(tmp_path: Path, make_run: Make) -> None:
    """Not JSON, cut off, a wrong type, an unreadable time: each costs itself only."""
    good = add_record(tmp_path, make_run(0))
    texts = ("", to_json(make_run(1))[:200], to_json(make_run(2)).replace('"seed": 0', '"seed": "x"'), to_json(make_run(3, created="soon")))
    for number, text in enumerate(texts):
        good.with_name(f"unknown-{number}.json").write_text(text, encoding="utf-8")
    found = read_history(tmp_path)
    assert [entry.record for entry in found.entries] == [make_run(0)]
    assert [item.path.name for item in found.damaged] == [f"unknown-{number}.json" for number in range(4)]
    assert all("damaged" in item.reason for item in found.damaged)


def test_a_future_record_is_refused(tmp_path: Path, make_run: Make) -> None:
    """What a later version wrote is not damaged: passing over it would decide on half of the history."""
    good = add_record(tmp_path, make_run(0))
    data = json.loads(good.read_text())
    good.with_name("unknown-later.json").write_text(json.dumps({**data, "schema_version": 99, "unheard_of": 1}))
    with pytest.raises(UsageError, match="has schema version 99"):
        read_history(tmp_path)


def test_other_files_are_left_alone(tmp_path: Path, make_run: Make) -> None:
    """Baselines, accepted changes, a killed writer's temporary file and folders of other names are no records."""
    good = add_record(tmp_path, make_run(0))
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines/main.json").write_text("{}")
    (tmp_path / "accept.toml").write_text("")
    good.with_name(f".{good.name}.1-abcd.ganbench-tmp").write_text("{")
    good.with_name(".hidden.json").write_text("{")
    found = read_history(tmp_path)
    assert (len(found.entries), found.damaged) == (1, ())


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_an_unfinished_run_is_refused(tmp_path: Path, make_run: Make, status: str) -> None:
    """Its numbers are not final."""
    with pytest.raises(UsageError, match=f"is {status}, and a history holds finished runs only"):
        add_record(tmp_path, make_run(status=status))
    assert files(tmp_path) == []


def test_a_hostile_run_id_stays_in_its_folder(tmp_path: Path, make_run: Make) -> None:
    """It is a part of a file name, never a path."""
    path = add_record(tmp_path / "history", dataclasses.replace(make_run(), run_id="../../x/.."))
    assert path.is_relative_to((tmp_path / "history").resolve()) or path.resolve().is_relative_to((tmp_path / "history").resolve())
    assert len(read_history(tmp_path / "history").entries) == 1


def test_a_file_name_cannot_steer_a_terminal(tmp_path: Path, make_run: Make) -> None:
    """A commit that has another form than a commit is unknown."""
    path = add_record(tmp_path, make_run())
    path.rename(path.with_name("\x1b[31mred-x.json"))
    assert [entry.commit for entry in read_history(tmp_path).entries] == ["unknown"]


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path, make_run: Make) -> None:
    """In one line, for reading and for writing."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is not the directory of a history"):
        read_history(tmp_path / "file")
    with pytest.raises(StorageError, match="cannot"):
        add_record(tmp_path / "file", make_run())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789abcdef0123", "0123456789ab"),
        ("0123456", "0123456"),
        ("0123456789ab+dirty", "0123456789ab+dirty"),
        ("unknown", "unknown"),
    ],
)
def test_commits_have_one_form(text: str, expected: str) -> None:
    """Twelve digits are kept."""
    assert checked_commit(text) == expected


@pytest.mark.parametrize("text", ["", "main", "012345", "0123456-x", "ABCDEF0", "../../../"])
def test_what_is_no_commit_is_refused(text: str) -> None:
    """It would become part of a file name."""
    with pytest.raises(UsageError, match="a commit must be"):
        checked_commit(text)

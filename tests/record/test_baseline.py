"""Named sets of records."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import NothingToCompare, StorageError, UsageError
from ganbench.record.baseline import baseline_names, read_baseline, remove_baseline, resolve_baseline, write_baseline
from ganbench.record.record import Evaluation, MetricValue, RunRecord

MakeRun = Callable[..., RunRecord]
WHEN = {"created": "2026-11-21T00:00:00+00:00", "commit": "0123456789ab"}


@pytest.fixture
def make_run(make_record: MakeRun, make_value: Callable[..., MetricValue]) -> MakeRun:
    """Return a builder: ``make_run(number=1, quality=12.5, status="diverged")``."""

    def build(number: int = 0, quality: float = 12.5, **changes: Any) -> RunRecord:
        evaluation = Evaluation(samples_seen=100_000, training_seconds=80.0, values=(make_value(quality),))
        return make_record(run_id=f"2026010{number + 1}-000000-dcgan-digits-s0", evaluations=(evaluation,), **changes)

    return build


def test_records_come_back_as_they_were(tmp_path: Path, make_run: MakeRun) -> None:
    """All of them, in order, with values that JSON lacks; and when and where the set was made."""
    records = [make_run(0), make_run(1, quality=float("inf")), make_run(2, status="diverged")]
    write_baseline("main", tmp_path, records, **WHEN)
    assert resolve_baseline("main", tmp_path) == records
    baseline = read_baseline("main", tmp_path)
    assert (baseline.created, baseline.commit, baseline.damaged) == (*WHEN.values(), ())


def test_a_baseline_is_replaced_as_a_whole(tmp_path: Path, make_run: MakeRun) -> None:
    """The second call leaves nothing of the first, and no other file."""
    write_baseline("main", tmp_path, [make_run(0), make_run(1)], **WHEN)
    path = write_baseline("main", tmp_path, [make_run(2)], **WHEN)
    assert resolve_baseline("main", tmp_path) == [make_run(2)]
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs nothing that was there."""
    write_baseline("main", tmp_path, [make_run(0)], **WHEN)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_baseline("main", tmp_path, [make_run(1)], **WHEN)
    assert resolve_baseline("main", tmp_path) == [make_run(0)]


def test_names_are_listed_and_removed(tmp_path: Path, make_run: MakeRun) -> None:
    """Sorted; other files are no baselines; none at all is no error."""
    assert baseline_names(tmp_path) == []
    for name in ("release-1.0", "main"):
        write_baseline(name, tmp_path, [make_run()], **WHEN)
    (tmp_path / "baselines/.main.json.1-ab.ganbench-tmp").touch()
    (tmp_path / "baselines/notes.txt").touch()
    assert baseline_names(tmp_path) == ["main", "release-1.0"]
    remove_baseline("main", tmp_path)
    assert baseline_names(tmp_path) == ["release-1.0"]


@pytest.mark.parametrize("use", [resolve_baseline, remove_baseline])
def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path, make_run: MakeRun, use: Callable[[str, Path], object]) -> None:
    """Or with how to make it."""
    with pytest.raises(UsageError, match=r"no baseline 'main' .*`ganbench baseline set main RUN\.\.\.` makes it"):
        use("main", tmp_path)
    write_baseline("main", tmp_path, [make_run()], **WHEN)
    with pytest.raises(UsageError, match="did you mean 'main'"):
        use("mian", tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b", "a\n", "x" * 81])
def test_a_name_is_never_a_path(tmp_path: Path, make_run: MakeRun, name: str) -> None:
    """It would be written elsewhere."""
    with pytest.raises(UsageError, match="a baseline's name must be"):
        write_baseline(name, tmp_path, [make_run()], **WHEN)


def _edited(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_damaged_record_is_named_and_passed_over(tmp_path: Path, make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    """The others are still compared with; the log warns."""
    path = write_baseline("main", tmp_path, [make_run(0), make_run(1)], **WHEN)
    first, second = json.loads(path.read_text())["records"]
    _edited(path, records=[{**first, "seed": "x"}, second])
    with caplog.at_level(logging.WARNING):
        assert resolve_baseline("main", tmp_path) == [make_run(1)]
    assert "record 1 of" in caplog.text
    assert "record.seed must be int" in caplog.text


def test_a_baseline_without_a_readable_record_is_nothing(tmp_path: Path, make_run: MakeRun) -> None:
    """It must not look like an empty side."""
    path = write_baseline("main", tmp_path, [make_run(0)], **WHEN)
    _edited(path, records=[{"schema_version": 1}])
    with pytest.raises(NothingToCompare, match="has no record that can be read"):
        resolve_baseline("main", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 99}, "has schema version 99"),
        ({"records": [{"schema_version": 99}]}, "record 1 of .* has schema version 99"),
        ({"schema": "other"}, "is not a baseline"),
        ({"records": None}, "is damaged: records must be list"),
        ({"created": 1}, "is damaged: created must be str"),
    ],
)
def test_a_future_or_damaged_file_is_refused(tmp_path: Path, make_run: MakeRun, changes: dict[str, object], words: str) -> None:
    """What a later version wrote may mean something else."""
    _edited(write_baseline("main", tmp_path, [make_run()], **WHEN), **changes)
    with pytest.raises(UsageError, match=words):
        resolve_baseline("main", tmp_path)


def test_a_file_that_is_no_json_is_told(tmp_path: Path, make_run: MakeRun) -> None:
    """Cut off, for instance."""
    path = write_baseline("main", tmp_path, [make_run()], **WHEN)
    path.write_text(path.read_text()[:100])
    with pytest.raises(UsageError, match="is damaged: not JSON"):
        resolve_baseline("main", tmp_path)

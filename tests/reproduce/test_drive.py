"""The driver: what a record holds, what a stopped reproduction keeps, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from counting import Counting, request

from ganbench.errors import Interrupted, UsageError
from ganbench.record.directory import RunLock
from ganbench.record.record import MIXED_MACHINES, Key
from ganbench_reproduce import drive
from ganbench_reproduce.directory import ReproductionDirectory
from ganbench_reproduce.record import ReproductionRecord, from_json

Reproduce = Callable[..., ReproductionRecord]


def stop_after(calls: int) -> Callable[[], bool]:
    """Return what says yes from its n-th call on."""
    counter = itertools.count(1)
    return lambda: next(counter) >= calls


def timeless(record: ReproductionRecord) -> ReproductionRecord:
    """Return a record without what may differ between two runs."""
    cells = tuple(replace(cell, training_seconds=0.0) for cell in record.cells)
    return replace(record, cells=cells, created="", num_resumes=0)


def test_the_whole_budget_reaches_the_published_steps(reproduce: Reproduce) -> None:
    """Every cell, every seed, and where they lie against the published interval."""
    record = reproduce()
    assert (record.status, record.seeds, record.intervals) == ("complete", (0, 1, 2), 20)
    first, second = (cell.scores[0] for cell in record.cells)
    assert first.values == (100.0, 100.1, 100.2)
    assert first.mean == pytest.approx(100.1)
    assert first.standard_error == pytest.approx(0.1 / 3**0.5)
    assert (first.is_inside, second.is_inside) == (True, False)
    assert first.difference == pytest.approx(0.1)
    assert second.distance == pytest.approx(10.1 / (0.1**2 / 3 + 0.5**2) ** 0.5)
    assert [cell.scores[1].published for cell in record.cells] == [None, None]


def test_a_fraction_of_the_budget_is_that_many_intervals(reproduce: Reproduce) -> None:
    """Rounded, and never none."""
    record = reproduce(budget=0.1, num_seeds=1)
    assert [cell.intervals for cell in record.cells] == [2, 2]
    assert record.cells[0].scores[0].values == (10.0,)
    assert record.cells[0].scores[0].standard_error is None


def test_the_smallest_budget_is_one_interval(reproduce: Reproduce) -> None:
    """A score is read at the end of an interval."""
    assert reproduce(budget=0.001).intervals == 1


def test_the_history_ends_with_the_last_interval(reproduce: Reproduce) -> None:
    """One moment for each of twenty intervals."""
    history = reproduce().cells[0].history
    assert [moment.interval for moment in history] == list(range(1, 21))
    assert history[-1].means == pytest.approx((100.1, 50.0))


@pytest.mark.parametrize("calls", [2, 37, 150, 230])
def test_a_stopped_reproduction_goes_on_to_the_same_record(reproduce: Reproduce, folder: Path, calls: int, tmp_path: Path) -> None:
    """Wherever it was stopped, in the middle of an interval too."""
    with pytest.raises(Interrupted, match="the same command goes on"):
        reproduce(stop=stop_after(calls))
    assert (folder / "partial_reproduction.json").exists()
    resumed = reproduce()
    with ReproductionDirectory(tmp_path / "other") as other:
        straight = drive.reproduce(Counting(), request(), other, say=lambda text: None, stop=lambda: False)
    assert resumed.num_resumes == 1
    assert timeless(resumed) == timeless(straight)


def test_finished_cells_are_not_trained_again(reproduce: Reproduce) -> None:
    """Stopped in the second cell, only the second is started again."""
    with pytest.raises(Interrupted, match="the second"):
        reproduce(stop=stop_after(150))
    again = Counting()
    reproduce(again)
    assert again.started == ["second"]


def test_a_finished_reproduction_is_returned_as_it_is(reproduce: Reproduce, folder: Path) -> None:
    """Nothing is started, and nothing is left but the record and its table."""
    record = reproduce()
    again = Counting()
    assert reproduce(again) == record
    assert again.started == []
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["reproduction.json", "table.md"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_seeds": 2}, r"holds a reproduction with 3 seeds \(asked: 2\)"),
        ({"budget": 0.5}, r"holds a reproduction with budget 1.0 \(asked: 0.5\)"),
        ({"options": {"colour": "blue"}}, r"holds a reproduction with option colour red \(asked: blue\)"),
        ({"name": "other"}, r"holds a reproduction with name counting \(asked: other\)"),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_another_configuration_in_the_same_folder_is_refused(
    reproduce: Reproduce, changes: dict[str, Any], message: str, finished: bool
) -> None:
    """Whether the first one is finished or not."""
    if finished:
        reproduce()
    else:
        with pytest.raises(Interrupted):
            reproduce(stop=stop_after(20))
    with pytest.raises(UsageError, match=message):
        reproduce(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_seeds": 0}, r"seeds must be 1 or more \(got 0\)"),
        ({"budget": 0.0}, r"budget must be above 0 and at most 1 \(got 0.0\)"),
        ({"budget": 1.5}, r"budget must be above 0 and at most 1 \(got 1.5\)"),
        ({"budget": float("nan")}, "budget must be above 0"),
    ],
)
def test_wrong_requests_are_refused(changes: dict[str, Any], message: str) -> None:
    """In one line with the value got."""
    with pytest.raises(ValueError, match=message):
        request(**changes)


def test_a_changed_plugin_is_told_in_the_record(reproduce: Reproduce, caplog: pytest.LogCaptureFixture) -> None:
    """The numbers are then of two versions."""
    with pytest.raises(Interrupted):
        reproduce(stop=stop_after(20))
    record = reproduce(plugin=replace(request().plugin, source_hash="def"))
    assert record.notes == ("it only counts", "the plugin's source was changed while this ran")
    assert record.plugin.source_hash == "def"
    assert "source was changed" in caplog.text


def test_another_machine_is_told_in_the_record(reproduce: Reproduce, folder: Path) -> None:
    """The times are then a mixture."""
    with pytest.raises(Interrupted):
        reproduce(stop=stop_after(20))
    partial = folder / "partial_reproduction.json"
    record = from_json(partial.read_bytes(), "partial")
    elsewhere = replace(record, hardware=Key.of(**{**dict(record.hardware.fields), "cpu": "another"}))
    with ReproductionDirectory(folder) as directory:
        directory.write(elsewhere)
    assert MIXED_MACHINES in reproduce().notes


def test_a_folder_of_other_things_is_refused(folder: Path, reproduce: Reproduce) -> None:
    """Nothing in it is touched."""
    folder.mkdir()
    (folder / "thesis.tex").write_text("the only copy")
    with pytest.raises(UsageError, match=r"holds other files \(thesis.tex\)"):
        reproduce()


def test_a_folder_in_use_is_refused(folder: Path, reproduce: Reproduce) -> None:
    """One process at a time."""
    folder.mkdir()
    lock = RunLock(folder / ".lock")
    lock.acquire()
    try:
        with pytest.raises(UsageError, match="is in use by"):
            reproduce()
    finally:
        lock.release()


@pytest.mark.parametrize(("text", "message"), [("{", "is damaged"), ("[]", "is damaged"), ('{"schema_version": 99}', "reads up to 1")])
def test_a_damaged_record_is_an_error_with_its_place(folder: Path, reproduce: Reproduce, text: str, message: str) -> None:
    """And is not written over."""
    folder.mkdir()
    (folder / "partial_reproduction.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        reproduce()
    assert (folder / "partial_reproduction.json").read_text() == text

"""From names to runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganbench.errors import NothingToCompare, UsageError
from ganbench.record.directory import RunDirectory
from ganbench.record.find import Unreadable, find_run, find_runs, load_run, load_runs
from ganbench.record.serialise import to_json


@pytest.fixture
def runs(tmp_path, monkeypatch, make_record):
    """Return the folder of three finished runs below the current folder."""
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("a-1", "a-2", "b-1")):
        path = Path("results/runs") / name
        path.mkdir(parents=True)
        (path / "record.json").write_text(to_json(make_record(run_id=name)))
        os.utime(path, (1000 + i, 1000 + i))
    return Path("results/runs")


def _names(paths):
    return [path.name for path in paths]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["a-1", "a-2", "b-1"]),
        (["results"], ["a-1", "a-2", "b-1"]),
        (["results/runs/a-2"], ["a-2"]),
        (["results/runs/a-2/record.json"], ["a-2"]),
        (["results/runs/a-*"], ["a-1", "a-2"]),
        (["results/*/*/record.json"], ["a-1", "a-2", "b-1"]),
        (["b-1"], ["b-1"]),
        (["b"], ["b-1"]),
        (["a-2", "a-1", "results/runs/a-2"], ["a-2", "a-1"]),
    ],
)
def test_names_mean_runs(runs, names, expected):
    """Folders, globs, records, ids and beginnings of ids; each run once."""
    assert _names(find_runs(names)) == expected


def test_a_record_file_stands_for_itself(runs, make_record):
    """A committed record needs no run folder."""
    Path("baseline.json").write_text(to_json(make_record(run_id="baseline")))
    (path,) = find_runs(["baseline.json"])
    assert load_run(path).run_id == "baseline"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("b-2", "did you mean 'b-1'"),
        ("a", "beginning of 2 run ids"),
        ("notes.txt", "neither a run folder nor a record.json"),
        ("other", "holds no run"),
    ],
)
def test_what_is_no_run_is_a_usage_error(runs, name, words):
    """One line with a hint."""
    Path("notes.txt").touch()
    Path("other").mkdir()
    Path("other/file").touch()
    with pytest.raises(UsageError, match=words):
        find_runs([name])


@pytest.mark.parametrize("names", [[], ["empty"], ["nothing-*"]])
def test_no_run_at_all_is_nothing_to_compare(tmp_path, monkeypatch, names):
    """An empty folder and a glob without a match exit with 5, not 2."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(NothingToCompare):
        find_runs(names)


def test_one_run_is_the_newest_by_default(runs):
    """`ganbench show` without a name."""
    assert find_run().name == "b-1"
    os.utime(runs / "a-1", (5000, 5000))
    assert find_run().name == "a-1"
    with pytest.raises(UsageError, match="holds 3 runs"):
        find_run("results")


def test_a_killed_run_is_interrupted_and_a_live_one_is_running(tmp_path, make_record):
    """What says running is believed only while a process holds the lock."""
    run = RunDirectory.create_at(tmp_path / "run")
    run.write_partial(make_record(status="running"))
    assert load_run(run.path).status == "running"
    run.close()
    record = load_run(run.path)
    assert record.status == "interrupted"
    assert record.status_detail == f"killed; continue it with `ganbench run --resume {run.path}`"


def test_a_damaged_record_is_kept_with_its_reason(runs):
    """The others are still read."""
    (runs / "a-2" / "record.json").write_text("{")
    first, second, third = load_runs(find_runs())
    assert isinstance(second, Unreadable)
    assert "a-2/record.json is damaged" in second.reason
    assert not isinstance(first, Unreadable)
    assert not isinstance(third, Unreadable)


def test_a_run_without_a_record_says_how_to_go_on(tmp_path):
    """Killed before the first checkpoint."""
    with RunDirectory.create_at(tmp_path / "run") as run:
        run.config_path.touch()
    with pytest.raises(UsageError, match="has no record yet; continue it"):
        load_run(run.path)

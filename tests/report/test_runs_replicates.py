"""The table over seeds: which runs are one row, what its means are over, and what is said of the rest."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import random
from pathlib import Path

import pytest
from scipy import stats

from ganbench.record.cells import cells_of, group_replicates
from ganbench.record.find import Unreadable
from ganbench.record.record import Evaluation, Key
from ganbench.report.formats import FORMATS, render
from ganbench.report.run_columns import _mean_of, _t_quantile
from ganbench.report.runs import make_summary


@pytest.fixture
def make_run(make_record, make_value):
    """Return a builder: ``make_run(seed=1, value=12.5, speed=1000.0, work={...}, software={...})``; other words replace fields."""

    def build(seed=0, value=12.5, speed=1250.0, best=None, **changes):
        record = make_record(seed=seed, run_id=f"20261121-0358{seed:02d}-dcgan-digits-s{seed}")
        keys = {
            kind: Key.of(**{**dict(getattr(record.keys, kind).fields), **changes.pop(kind, {})})
            for kind in ("hardware", "software", "work")
        }
        history = [value] if best is None else [best, value]
        fields = {
            "keys": dataclasses.replace(record.keys, **keys),
            "throughput": dataclasses.replace(record.throughput, samples_per_second=speed, seconds_per_kimg=1000 / speed),
            "evaluations": tuple(
                Evaluation(samples_seen=1000 * (i + 1), training_seconds=1.0, values=(make_value(v, **changes.pop("metric", {})),))
                for i, v in enumerate(history)
            ),
        }
        return dataclasses.replace(record, **{**fields, **changes})

    return build


def _cell(table, row=0, **wanted):
    i = next(i for i, c in enumerate(table.sections[0].columns) if all(getattr(c, name) == value for name, value in wanted.items()))
    return [row.cells[i] for section in table.sections for row in section.rows][row]


def _rows(table):
    return [row for section in table.sections for row in section.rows]


def _runs(row):
    """Return the ids of the runs of a row, for programs; it is the last column."""
    return row.cells[-1].value


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 30, 31, 200])
def test_the_quantile_is_students(freedom):
    """The table's own arithmetic agrees with scipy's."""
    assert _t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """95 of 100 intervals of five normal values hold their mean: 4 standard errors of 2,000 trials are 2 percent."""
    chance = random.Random(0)
    means = [_mean_of([chance.gauss(10, 1) for _ in range(5)]) for _ in range(2000)]
    assert sum(abs(mean.value - 10) < mean.half_width for mean in means) / 2000 == pytest.approx(0.95, abs=0.02)


def test_seeds_are_one_row_with_mean_interval_and_count(make_run):
    """Mean of bests, mean of finals and mean speed, each with Student's interval over three seeds."""
    runs = [make_run(seed, value, speed, best=value - 2) for seed, value, speed in ((0, 12.0, 900.0), (1, 14.0, 1000.0), (2, 13.0, 1100.0))]
    table = make_summary(runs)
    (row,) = _rows(table)
    assert _runs(row) == tuple(run.run_id for run in runs)
    half = 4.302652729749464 / math.sqrt(3)
    for wanted, mean, scale in (({"part": "final"}, 13.0, 1), ({"part": "best"}, 11.0, 1), ({"id": "samples_per_second"}, 1000.0, 100)):
        cell = _cell(table, **wanted)
        assert (cell.value, cell.half_width, cell.num_runs) == (pytest.approx(mean), pytest.approx(scale * half), 3)
    assert _cell(table, part="final").text == "13.00 ±2.5"
    assert _cell(table, part="floor").text == "1.250"
    assert [_cell(table, id=name).text for name in ("n", "seeds", "status")] == ["3", "0-2", "complete"]
    assert "half of the 95 % interval" in table.legend[-1]
    assert not any("extractor's networks" in note for note in table.legend)


def test_a_size_and_its_interval_have_units(make_run):
    """Half of an interval of megabytes must not stand behind gibibytes without saying so."""
    runs = [make_run(seed) for seed in (0, 1)]
    sizes = zip(runs, (2000.0, 2100.0), strict=True)
    runs = [dataclasses.replace(r, throughput=dataclasses.replace(r.throughput, peak_memory_mib=size)) for r, size in sizes]
    assert _cell(make_summary(runs), id="peak_memory_mib").text == "2 GiB ±635 MiB"


def test_a_single_run_is_never_a_mean(make_run):
    """Its values without an interval, not even that of its extractor's networks, and nothing is said of intervals."""
    run = make_run(seed=4)
    table = make_summary([run])
    assert [_cell(table, id=name).text for name in ("run", "n", "seeds", "samples_per_second")] == [run.run_id, "1", "4", "1,250"]
    cell = _cell(table, part="final")
    assert (cell.text, cell.half_width, cell.spread, cell.num_runs) == ("12.50", None, None, 1)
    assert not any("interval" in note for note in table.legend)


@pytest.mark.parametrize(
    ("change", "groups", "setting"),
    [
        ({"work": {"training.batch_size": 128}}, 1, "batch_size=128"),
        ({"work": {"architecture.code": "ganbench 0.1.0 abcdef0123456789"}}, 1, "architecture.code=abcdef01"),
        ({"software": {"precision": "bf16"}}, 1, "precision=bf16"),
        ({"hardware": {"cpu_cores": 64}}, 2, ""),
        ({"name": "other"}, 1, ""),
        ({"dataset": "mnist"}, 1, ""),
    ],
)
def test_what_differs_in_more_than_the_seed_is_another_row(make_run, change, groups, setting):
    """Work, code, software and machine keep runs apart, and the row says in what it differs from its like."""
    table = make_summary([make_run(0), make_run(1), make_run(2, **change)])
    assert len(table.sections) == groups
    assert sorted(len(_runs(row)) for row in _rows(table)) == [1, 2]
    assert setting in [_cell(table, i, id="setting").text for i in range(2)]


def test_a_row_never_holds_two_cells_of_a_comparison(make_run):
    """The table's notion of replicates is the comparison's, or narrower."""
    changes = ({}, {"work": {"batch_size": 8}}, {"software": {"threads": 8}}, {"work": {"loss.code": "x 1 ab"}})
    runs = [make_run(seed, **change) for seed, change in enumerate(changes * 2)]
    assert all(len(cells_of(row.runs)) == 1 for row in group_replicates(runs))


def test_an_unneeded_force_makes_no_row_of_its_own(make_run):
    """Nor does a record of version 0.1.0, which counts training.force among the work."""
    config = {"name": "dcgan", "training.force": False}
    runs = [make_run(0, config=config), make_run(1, config={**config, "training.force": True})]
    runs.append(make_run(2, config=config, work={"training.force": False}))
    assert [len(row.runs) for row in group_replicates(runs)] == [3]
    assert _cell(make_summary([*runs, make_run(3, work={"batch_size": 8})]), 0, id="setting").text == "batch_size=64"


def test_a_diverged_and_a_failed_seed_are_counted_and_named(make_run):
    """The mean is over the others, says over how many, and every format names what went wrong."""
    runs = [
        make_run(0, 12.0),
        make_run(1, 14.0),
        make_run(2, 900.0, status="diverged", status_detail="loss became nan"),
        make_run(3, 7.0, status="failed", status_detail="out of memory"),
    ]
    table = make_summary(runs)
    cell = _cell(table, part="final")
    assert (cell.value, cell.num_runs) == (13.0, 2)
    assert _cell(table, id="n").value == 2
    status = "2 complete, 1 diverged, 1 failed"
    assert _cell(table, id="status").text == status
    for form in FORMATS:
        text = " ".join(render(table, form, width=250).split())
        for words in (status, "seed 2 diverged, not in the mean: loss became nan", "seed 3 failed, not in the mean: out of memory", "13.0"):
            assert words in text
    assert json.loads(render(table, "json"))["groups"][0]["rows"][0]["num_diverged"] == 1


def test_one_complete_seed_beside_a_diverged_one_has_no_interval(make_run):
    """A mean of one is no mean, however many runs the row has."""
    cell = _cell(make_summary([make_run(0), make_run(1, status="diverged")]), part="best")
    assert (cell.text, cell.half_width, cell.num_runs) == ("12.50", None, 1)


def test_seeds_that_all_failed_have_no_value(make_run):
    """The row is there with its reasons; nothing is averaged."""
    table = make_summary([make_run(seed, status="failed") for seed in (0, 1)])
    assert [_cell(table, id=name).text for name in ("n", "status", "samples_per_second")] == ["0", "2 failed", ""]
    assert _cell(table, part="final").text == ""


def test_a_collapsed_seed_is_in_the_mean_and_told(make_run):
    """It is complete; the status says that one collapsed."""
    table = make_summary([make_run(0), make_run(1, collapsed=True)])
    assert _cell(table, id="status").text == "complete (1 collapsed)"
    assert _cell(table, part="final").num_runs == 2


def test_a_repeated_seed_is_one_value_of_quality_and_two_of_speed(make_run):
    """The newest run of a seed stands for its quality; the speed takes both, and says that its count is another."""
    runs = [
        make_run(0, 10.0, 1000.0),
        make_run(0, 20.0, 1100.0, run_id="later", created="2026-12-01T00:00:00+00:00"),
        make_run(1, 30.0, 1200.0),
    ]
    table = make_summary(runs)
    assert (_cell(table, part="final").value, _cell(table, part="final").num_runs) == (25.0, 2)
    speed = _cell(table, id="samples_per_second")
    assert (speed.value, speed.num_runs) == (1100.0, 3)
    notes = table.sections[0].notes
    assert list(speed.notes) == ["over 3 runs, not 2: seeds that were repeated count each time"]
    assert "2 runs of seed 0: quality is that of the newest, later" in notes


def test_a_record_that_is_given_twice_counts_once(make_run):
    """A copy of a run is no replicate of it."""
    (row,) = _rows(make_summary([make_run(0), make_run(0)]))
    assert _runs(row) == (make_run(0).run_id,)


def test_speed_of_two_machines_in_one_run_is_left_out(make_run):
    """Its quality counts; its speed is of both machines, and the cell says that it is missing."""
    table = make_summary(
        [make_run(0), make_run(1, speed=1.0, notes=("resumed on another machine: times and speed are a mixture of both",))]
    )
    speed = _cell(table, id="samples_per_second")
    assert (speed.text, speed.num_runs) == ("1,250", 1)
    assert _cell(table, part="final").num_runs == 2
    assert "over 1 run, not 2: those resumed on another machine are left out" in table.sections[0].notes


def test_values_that_are_no_numbers_are_left_out_and_told(make_run):
    """A nan in a complete run must not make the mean nan, and must not vanish."""
    table = make_summary([make_run(0, 10.0), make_run(1, 20.0), make_run(2, math.nan)])
    cell = _cell(table, part="final")
    assert (cell.value, cell.num_runs) == (15.0, 2)
    assert list(cell.notes) == ["over 2 runs, not 3: 1 ended at nan or inf"]


def test_each_evaluation_key_has_its_own_mean(make_run):
    """Seeds that were measured in two ways are one row, two columns, and two counts."""
    runs = [make_run(seed, 10.0 + seed, metric={"evaluation_key": key}) for seed, key in enumerate(("a", "a", "b"))]
    table = make_summary(runs)
    for key, value, count in (("a", 10.5, 2), ("b", 12.0, 1)):
        cell = _cell(table, part="final", evaluation_key=key)
        assert (cell.value, cell.num_runs) == (value, count)
        assert cell.notes != ()


def test_csv_and_json_hold_interval_count_and_runs(make_run):
    """A program gets all of a mean, and the ids of what it is over."""
    runs = [make_run(0, 10.0), make_run(1, 20.0)]
    table = make_summary(runs)
    text = render(table, "csv")
    (row,) = csv.DictReader(io.StringIO(text))
    key = runs[0].evaluations[0].values[0].evaluation_key
    assert float(row[f"fd1k_digits@{key} final (lower is better)"]) == 15.0
    assert float(row[f"fd1k_digits@{key} final half width"]) == pytest.approx(63.531, abs=0.001)
    assert row["samples_per_second n"] == row["n"] == "2"
    assert row["runs"].split() == [run.run_id for run in runs]
    data = json.loads(render(table, "json"))
    assert data["kind"] == "replicates"
    (shown,) = data["groups"][0]["rows"]
    assert shown["runs"] == [run.run_id for run in runs]
    assert shown["samples_per_second_num_runs"] == 2
    (metric,) = shown["metrics"]
    assert (metric["final"], metric["final_num_runs"]) == (15.0, 2)
    assert metric["final_half_width"] == pytest.approx(63.531, abs=0.001)
    assert "final_spread" not in metric


def test_every_format_shows_a_mixture(make_run):
    """Replicates, a single run and one that cannot be read stand in one table, in every format."""
    items = [make_run(0), make_run(1), make_run(7, name="other"), Unreadable(path=Path("broken"), reason="damaged")]
    table = make_summary(items)
    for form in FORMATS:
        text = render(table, form, width=250)
        assert all(words in text for words in ("broken", "damaged", "dcgan", "other"))
    assert "| 2 runs |" in render(table.with_columns(["id"]), "markdown")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_width_loses_a_row_or_its_quality(make_run, width, count):
    """Whatever is left out for width is named, and lines never run over."""
    runs = [make_run(seed, 10.5 + 10 * i, name=f"gan{i}") for i in range(count) for seed in (0, 1)]
    text = render(make_summary(runs), "terminal", width=width)
    assert max(map(len, text.splitlines())) <= width
    for i in range(count):
        assert f"{10.5 + 10 * i:.2f}" in text
    words = " ".join(text.split())
    assert all(name in words for name in ("gan0", "digits", "images/s", "non-saturating")) or "left out at this width" in words

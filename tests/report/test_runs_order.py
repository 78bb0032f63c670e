"""The order of a table's rows."""

from __future__ import annotations

import dataclasses
import math

import pytest

import ganbench
from ganbench.errors import UsageError
from ganbench.record.record import Evaluation, Key
from ganbench.record.serialise import to_json
from ganbench.report.runs import _order_by, make_summary, make_table


@pytest.fixture
def measured(make_record, make_value):
    """Return a maker of a record whose evaluations gave some values of one metric."""

    def make(run, *values, seed=0, **of_value):
        evaluations = (
            Evaluation(samples_seen=1000 * (i + 1), training_seconds=1.0, values=(make_value(value, **of_value),))
            for i, value in enumerate(values)
        )
        return make_record(run_id=run, name=run, seed=seed, evaluations=tuple(evaluations))

    return make


def _order(table):
    return [row.cells[0].text for section in table.sections for row in section.rows]


def _metric(table):
    return next(column.metric for column in table.sections[0].columns if column.metric)


def test_a_metric_orders_by_its_final_value_or_by_another(measured):
    """Lower is better here; the best of a run need not be its last."""
    table = make_table([measured("a", 30.0, 20.0), measured("b", 10.0, 25.0), measured("c", 15.0, 15.0)])
    metric = _metric(table)
    assert _order(table) == ["a", "b", "c"]
    assert _order(_order_by(table, metric)) == ["c", "a", "b"]
    assert _order(_order_by(table, f"{metric}.final")) == ["c", "a", "b"]
    assert _order(_order_by(table, f"{metric}.best")) == ["b", "c", "a"]


def test_where_more_is_better_the_largest_comes_first(measured):
    """A metric says so itself."""
    table = make_table(
        [measured("a", 0.2, name="precision1k", higher_is_better=True), measured("b", 0.9, name="precision1k", higher_is_better=True)]
    )
    assert _order(_order_by(table, "precision1k")) == ["b", "a"]


def test_what_has_no_value_comes_last_in_its_old_order(measured, make_record):
    """A run that ended at NaN, and one that measured nothing."""
    table = make_table([make_record(run_id="a", name="a", evaluations=()), measured("b", math.nan), measured("c", 3.0)])
    assert _order(_order_by(table, _metric(table))) == ["c", "a", "b"]


@pytest.mark.parametrize("name", ["images/s", "samples_per_second"])
def test_a_column_is_called_by_its_heading_or_its_id(make_record, name):
    """The fastest first, the smallest memory first, names by the alphabet."""
    records = [make_record(run_id=run, name=run) for run in "ab"]
    fast = dataclasses.replace(
        records[1], throughput=dataclasses.replace(records[1].throughput, samples_per_second=1e6, peak_memory_mib=1e6)
    )
    table = make_table([records[0], fast])
    assert _order(_order_by(table, name)) == ["b", "a"]
    assert _order(_order_by(table, "memory")) == ["a", "b"]
    assert _order(_order_by(_order_by(table, name), "model")) == ["a", "b"]


def test_means_over_seeds_are_ordered_too(measured):
    """By the mean: 20 and 10 are better than 16 and 16."""
    records = [measured("a", 16.0, seed=0), measured("a", 16.0, seed=1), measured("b", 20.0, seed=0), measured("b", 10.0, seed=1)]
    table = make_summary(records)
    ordered = _order_by(table, _metric(table))
    models = next(i for i, column in enumerate(table.sections[0].columns) if column.id == "model")
    assert [row.cells[models].text for row in ordered.sections[0].rows] == ["b", "a"]


def test_what_was_measured_in_two_ways_has_no_order(make_record, make_value):
    """Two evaluation keys are two columns; a name that no column has is answered with the names there are."""
    records = []
    for text in "ab":
        key = Key.of(metric="fd1k_digits", weights_hash=text)
        record = make_record(
            run_id=text,
            evaluations=(Evaluation(samples_seen=1, training_seconds=1.0, values=(make_value(1.0, evaluation_key=key.digest),)),),
        )
        records.append(dataclasses.replace(record, keys=dataclasses.replace(record.keys, evaluation=(key,))))
    table = make_table(records)
    name = _metric(table)
    with pytest.raises(UsageError, match=f"{name} was measured in 2 ways, which give no common order"):
        _order_by(table, name)
    with pytest.raises(UsageError, match=f"no column is called '{name}x'; did you mean '{name}'"):
        _order_by(table, f"{name}x")


def test_a_program_gets_the_table_of_records_and_of_folders(measured, tmp_path):
    """A row for each run or means over seeds, in an order; as ``ganbench table`` does."""
    records = [measured("a", 20.0, seed=0), measured("a", 22.0, seed=1), measured("b", 10.0)]
    means = ganbench.table(*records, sort="fd1k_digits")
    assert _order(means) == ["b", "a"]
    assert len(ganbench.table(*records, each=True).sections[0].rows) == 3
    (tmp_path / "record.json").write_text(to_json(records[2]))
    assert _order(ganbench.table(records[0], tmp_path / "record.json", each=True)) == ["a", "b"]
    with pytest.raises(UsageError, match="no run 'nowhere'"):
        ganbench.table("nowhere")

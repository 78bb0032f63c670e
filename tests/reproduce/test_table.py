"""The table in Markdown: published beside measured, labels of budget and machine, and numbers that are not finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from ganbench import render, to_json
from ganbench_reproduce.experiment import ExperimentColumn, PublishedFigure
from ganbench_reproduce.record import ReproductionRecord, Score, from_json
from ganbench_reproduce.table import reproduction_document

Reproduce = Callable[..., ReproductionRecord]


def render_markdown(record: ReproductionRecord) -> str:
    return render(reproduction_document(record), "markdown")


COLUMN = ExperimentColumn(name="steps", label="steps")


def row(text: str, cell: str, score: str) -> list[str]:
    """Return the fields of a line of the first table."""
    lines = [[field.strip() for field in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return next(fields for fields in lines if fields[:2] == [cell, score])


def test_a_line_holds_published_measured_and_their_difference(reproduce: Reproduce) -> None:
    """With what is published, and without."""
    text = render_markdown(reproduce())
    assert row(text, "the first", "steps") == ["the first", "steps", "100.0 +- 0.5", "100.1 +- 0.1", "+0.1", "yes", "+0.2"]
    assert "\n\nn 3\n\n" in text
    assert row(text, "the second", "steps")[4:7] == ["+10.1", "no", "+20.1"]
    assert row(text, "the second", "half the steps")[2:] == ["-", "50.00 +- 0.00", "-", "-", "-"]


def test_a_part_of_the_budget_is_labelled(reproduce: Reproduce) -> None:
    """In the heading, with the intervals and the seeds."""
    text = render_markdown(reproduce(budget=0.1))
    assert "Measured with 10 % of the budget (2 of 20 rounds), 3 seeds, on" in text


def test_the_whole_budget_is_labelled(reproduce: Reproduce) -> None:
    """So that nobody has to know what the whole is."""
    assert "the whole budget (20 of 20 rounds)" in render_markdown(reproduce())


def test_the_machine_the_options_and_the_notes_are_told(reproduce: Reproduce) -> None:
    """A number without them cannot be judged."""
    record = reproduce()
    text = render_markdown(record)
    assert str(dict(record.hardware.fields)["cpu"]) in text
    assert "- options: colour=red" in text
    assert "- it only counts" in text
    assert "published: +- a guess." in text


def test_an_unfinished_table_says_so(reproduce: Reproduce) -> None:
    """A cell is missing, and the heading tells how many are there."""
    record = reproduce()
    text = render_markdown(replace(record, status="unfinished", cells=record.cells[:1]))
    assert "Not finished: 1 cell so far." in text
    assert "the second" not in text


def test_a_record_survives_json(reproduce: Reproduce) -> None:
    """Infinite values too, which JSON lacks."""
    record = reproduce()
    worst = Score.of(COLUMN, [1.0, math.inf], PublishedFigure(value=1.0, error=0.1))
    cell = replace(record.cells[0], scores=(replace(worst, standard_error=None), record.cells[0].scores[1]))
    record = replace(record, cells=(cell,))
    assert from_json(to_json(record), "record") == record


def test_an_infinite_score_is_outside_and_has_no_error() -> None:
    """One seed without a good sample makes the mean infinite."""
    score = Score.of(COLUMN, [1.0, math.inf], PublishedFigure(value=1.0, error=0.1))
    assert (score.mean, score.is_inside, score.difference) == (math.inf, False, math.inf)
    assert math.isnan(score.standard_error or 0.0)


@pytest.mark.parametrize(("mean", "inside"), [(6.8, True), (5.8, True), (6.81, False), (5.79, False)])
def test_the_ends_belong_to_the_interval(mean: float, inside: bool) -> None:
    """6.3 +- 0.5 holds 6.8, although 6.8 - 6.3 is more than 0.5 in binary."""
    assert Score.of(COLUMN, [mean], PublishedFigure(value=6.3, error=0.5)).is_inside is inside


def test_a_terminal_of_80_columns_shows_every_figure(reproduce: Reproduce) -> None:
    """Nothing is cut; the least important columns are named below."""
    text = render(reproduction_document(reproduce()), "terminal", width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "100.0 +- 0.5" in text

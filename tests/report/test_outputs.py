"""CSV, the files of github-action-benchmark, and the list of kinds."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.report.exchange.benchmarks import render_github
from ganbench.report.outputs import KINDS, Wish, file_names, render
from ganbench.verdict.findings import Comparison

Make = Callable[..., Any]


def test_csv_has_a_line_for_each_finding_with_numbers_in_full(everything: Comparison) -> None:
    """Unchanged ones too; what is missing is empty."""
    rows = list(csv.DictReader(io.StringIO(render("csv", everything, Wish())[""])))
    assert [row["state"] for row in rows] == [found.state for found in everything.findings]
    first = rows[0]
    assert (first["change"], first["low"], first["null_change"], first["base_values"]) == ("-0.1", "-0.121", "0.002", "1240.0 nan 1260.0")
    assert rows[3]["high"] == "inf"
    assert rows[4]["differences"].endswith("software tf32: none / on")
    assert (rows[4]["change"], rows[4]["null_low"], rows[4]["not_worse"]) == ("", "", "false")


def test_csv_keeps_a_finding_on_its_line(make_finding: Make, make_comparison: Make) -> None:
    """Whatever a name holds."""
    (row,) = csv.DictReader(io.StringIO(render("csv", make_comparison(make_finding(cell='a,"b"\nc', head="x\ny")), Wish())[""]))
    assert (row["cell"], row["head"]) == ('a,"b" c', "x y")


def test_github_benchmark_has_a_list_for_each_direction(everything: Comparison) -> None:
    """Name, unit, value, range and extra of what head measured; what must be equal is in neither."""
    bigger, smaller = (json.loads(render_github(everything, direction)) for direction in ("higher", "lower"))
    assert bigger == [
        {
            "name": "throughput of dcgan digits",
            "unit": "images/s",
            "value": 1125.0,
            "range": "± 5.000",
            "extra": "regressed -10.0% (-12.1 to -8.3%), n 5/5, gate fail",
        }
    ]
    assert [entry["name"] for entry in smaller] == ["peak memory of dcgan digits", "FD of dcgan digits"]


def test_github_benchmark_leaves_out_what_has_no_value(make_finding: Make, make_comparison: Make) -> None:
    """Its charts know neither NaN nor hashes."""
    found = [make_finding(head=head) for head in (None, "abc", math.nan, math.inf)]
    assert json.loads(render_github(make_comparison(*found), "higher")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_renders_everything_and_nothing(everything: Comparison, make_comparison: Make, kind: str) -> None:
    """A comparison without a finding too; each kind's files are those that it announces."""
    for comparison in (everything, make_comparison(exit_code=5)):
        texts = render(kind, comparison, Wish())
        assert len(texts) == len(file_names(kind, Path("out.x")))
        assert all(text.endswith("\n") for text in texts.values())


def test_kinds_with_two_files_add_to_the_name() -> None:
    """Before the suffix."""
    assert file_names("github-benchmark", Path("a/bench.json")) == (Path("a/bench-bigger.json"), Path("a/bench-smaller.json"))
    assert file_names("pytest-benchmark", Path("times")) == (Path("times-base.json"), Path("times-head.json"))
    assert file_names("csv", Path("a.b.csv")) == (Path("a.b.csv"),)


def test_an_unknown_kind_is_refused(everything: Comparison) -> None:
    """With the kinds there are."""
    with pytest.raises(ValueError, match=r"kind must be one of terminal, json, .* \(got 'pdf'\)"):
        render("pdf", everything, Wish())

"""Numbers and reasons as people read them, and the sentence that comes first."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.record.record import Difference
from ganbench.report import words
from ganbench.report.formats.terminal import folded
from ganbench.report.verdict import _groups_of
from ganbench.report.words import finding_sentence, verdict_sentence
from ganbench.verdict.findings import Comparison

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("change", "text"),
    [(0.102, "+10.2%"), (-0.0034, "-0.3%"), (0.00013, "+0.013%"), (0.0, "0.0%"), (12.34, "+1,234%"), (math.inf, "inf"), (-1.0, "-100%")],
)
def test_a_change_has_few_digits_and_never_a_rounded_zero(change: float, text: str) -> None:
    """Whatever its size."""
    assert words.percent(change) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(-0.121, -0.083, "-12.1 to -8.3%"), (-1.0, 0.05, "open to +5.0%"), (-0.02, math.inf, "-2.0% to open"), (-1.0, math.inf, "open")],
)
def test_an_open_end_of_an_interval_is_said(make_finding: Make, low: float, high: float, text: str) -> None:
    """Instead of -100 percent or infinity, which were never measured."""
    assert words.interval_text(make_finding(low=low, high=high)) == text


def test_what_touches_zero_is_told_in_its_own_unit(make_finding: Make) -> None:
    """A leak of 80 MiB is no rise by 11 percent: that would be of the peak, which the row does not show."""
    found = make_finding(base=0.08, head=79.59, change=0.114, low=0.11, high=0.118, threshold=0.05, smallest_visible=0.004, scale=697.5)
    assert (words.change_text(found), words.interval_text(found)) == ("+79.5", "+76.7 to +82.3")
    assert (words.threshold_text(found), words.detectable_text(found)) == ("34.9", "2.79")
    assert words.why(found).startswith("worse by more than the threshold of 34.9, p")
    fewer = dataclasses.replace(found, change=-0.01, low=-math.inf, high=0.0)
    assert (words.change_text(fewer), words.interval_text(fewer)) == ("-6.98", "open to +0.00")


def test_every_finding_has_its_reason_in_words(make_finding: Make) -> None:
    """Also one that decided itself: by what, and how sure."""
    assert words.why(make_finding()) == "worse by more than the threshold of 5%, p 0.004 after Holm's correction"
    assert words.why(make_finding(gate="warn")).endswith("a warning, which blocks no merge")
    assert words.why(make_finding(gate="off", adjusted_p=None)).endswith("p 0.002; reported only")
    assert words.why(make_finding(state="improved")).startswith("better by more than")
    assert words.why(make_finding(state="unchanged")) == "the interval lies within the threshold on both sides"
    assert words.why(make_finding(state="unchanged", threshold=0.0)) == "equal"
    assert words.why(make_finding(direction="equal", threshold=0.0, p_value=None, adjusted_p=None)) == "must be equal"
    assert words.why(make_finding(state="inconclusive", not_worse=True, reason="few")) == "a worsening past the threshold is ruled out; few"
    assert words.why(make_finding(state="missing", reason="gone")) == "gone"


def test_a_missing_cell_says_how_the_one_of_its_name_differs(make_finding: Make) -> None:
    """Field, and both values."""
    found = make_finding(state="missing", reason="gone", differences=(Difference(key="work", field="batch", base=64, head=128),))
    assert words.why(found) == "gone; what head has instead differs in work batch: 64 / 128"


def test_of_a_hash_the_first_digits_are_enough() -> None:
    """And what is on, off or missing is said so."""
    assert words.scalar_text("ab" * 32) == "abababababab"
    assert [words.scalar_text(value) for value in (True, False, None, 3)] == ["on", "off", "none", "3"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "throughput of dcgan digits is 10.0% lower"),
        ({"label": "parameters of the discriminator"}, "parameters of the discriminator of dcgan digits are 10.0% lower"),
        ({"label": "operators per iteration"}, "operators per iteration of dcgan digits are 10.0% lower"),
        ({"label": "images seen", "state": "missing"}, "images seen of dcgan digits are missing"),
        ({"label": "numbers that the optimizers keep"}, "numbers that the optimizers keep of dcgan digits are 10.0% lower"),
        ({"label": "loss", "state": "missing"}, "loss of dcgan digits is missing"),
        ({"label": "class accuracy"}, "class accuracy of dcgan digits is 10.0% lower"),
        ({"change": math.inf, "base": 0.0, "head": 3.0}, "throughput of dcgan digits went from 0 to 3"),
        ({"change": math.inf, "head": None}, "throughput of dcgan digits is lost: half of head's runs or more diverged"),
        ({"change": None, "base": "ab", "head": "cd", "label": "data"}, "data of dcgan digits changed from ab to cd"),
        ({"state": "missing", "cell": ""}, "throughput is missing"),
        (
            {"state": "missing", "metric": "run", "reason": "2 of 3 head runs failed: out of memory"},
            "dcgan digits: 2 of 3 head runs failed: out of memory",
        ),
        ({"state": "not-comparable"}, "throughput of dcgan digits is not comparable"),
    ],
)
def test_what_happened_to_a_metric_is_a_sentence(make_finding: Make, changes: dict[str, Any], text: str) -> None:
    """Of the metric itself: fewer images per second are lower, also where lower is worse."""
    assert finding_sentence(make_finding(**changes)) == text


def test_the_verdict_names_the_worst_and_counts_the_rest(everything: Comparison) -> None:
    """The largest regression, then how many of each state."""
    assert verdict_sentence(everything) == (
        "failed: throughput of dcgan digits is 10.0% lower, and 1 more "
        "(1 regressed, 1 missing, 1 improved, 1 inconclusive, 1 not comparable, 1 unchanged)"
    )


def test_the_verdict_of_a_call_that_passes_says_how_sure_it_is(make_finding: Make, make_comparison: Make) -> None:
    """Passed, or with one gated metric that is open undecided, and by how much."""
    same, undecided = make_finding(state="unchanged"), make_finding(state="inconclusive")
    open_text = "undecided: throughput of dcgan digits could not be decided (-10.0%, interval -12.1 to -8.3%)"
    verdicts = {
        "passed: no regression (1 unchanged)": [same],
        f"{open_text} (1 inconclusive, 1 unchanged)": [same, undecided],
        f"{open_text}, and 1 more (2 inconclusive)": [undecided, undecided],
        "passed: no regression (1 inconclusive, 1 unchanged)": [same, make_finding(state="inconclusive", not_worse=True)],
        "passed: no regression (1 regressed but not gated, 1 unchanged)": [same, make_finding(gate="warn")],
        "passed: throughput of dcgan digits is 20.0% higher (1 improved, 1 unchanged)": [
            same,
            make_finding(state="improved", change=0.2),
        ],
    }
    assert {verdict_sentence(make_comparison(*findings, exit_code=0)) for findings in verdicts.values()} == set(verdicts)
    assert verdict_sentence(make_comparison(same, undecided, strict=True)) == f"{open_text} (1 inconclusive, 1 unchanged)"


def test_what_changed_is_in_the_first_line_whatever_was_measured(make_finding: Make, make_comparison: Make) -> None:
    """Configuration and mathematics apart, and that nobody has tested the quality."""
    lost = Difference(key="setting", field="training.ema_halflife_kimg", base=2.0, head=0.0)
    more = Difference(key="operators", field="aten::repeat", base=1, head=3)
    same = make_finding(state="unchanged")
    assert verdict_sentence(make_comparison(same, changes=(lost,), quality="untested")) == (
        "passed, but the configuration changed: training.ema_halflife_kimg 2.0 -> 0.0; quality was not tested (1 unchanged)"
    )
    assert verdict_sentence(make_comparison(make_finding(), changes=(lost, more), quality="untested")) == (
        "failed: throughput of dcgan digits is 10.0% lower; the configuration changed: training.ema_halflife_kimg 2.0 -> 0.0; "
        "the mathematics changed: +2 aten::repeat in the step (1 regressed)"
    )
    wider = Difference(key="parameters", field="generator", base=1000, head=1200)
    losses = Difference(key="losses", field="from step 3 on", base="ab", head="cd")
    assert words.changes_text((wider, losses)) == "the mathematics changed: parameters of the generator 1000 -> 1200, losses from step 3 on"
    many = tuple(Difference(key="setting", field=f"training.s{i}", base=None, head=True) for i in range(5))
    assert words.changes_text(many).endswith("training.s2 none -> on, and 2 more")


def test_a_side_that_is_broken_new_or_interrupted_is_the_headline(make_finding: Make, make_comparison: Make) -> None:
    """The reason is the sentence."""
    for state in ("broken", "new"):
        found = make_finding(metric="run", label="run", state=state, reason="head cannot be imported", base=None, change=None)
        assert verdict_sentence(make_comparison(found)) == f"{state}: head cannot be imported (1 {state})"
    assert verdict_sentence(make_comparison(make_finding(), outcome="interrupted")) == (
        "interrupted: the measurement was not finished, and throughput of dcgan digits is 10.0% lower (1 regressed)"
    )


def test_what_is_missing_is_said_once(make_finding: Make, make_comparison: Make) -> None:
    """With the reason where it is a whole cell."""
    cell = make_finding(state="missing", metric="run", reason="head has no such cell")
    assert verdict_sentence(make_comparison(make_finding(state="missing"))) == "failed: throughput of dcgan digits is missing (1 missing)"
    assert verdict_sentence(make_comparison(cell)) == "failed: dcgan digits: head has no such cell (1 missing)"


def test_nothing_compared_and_nothing_comparable_are_said(make_comparison: Make, everything: Comparison) -> None:
    """With the fields that differ."""
    assert verdict_sentence(make_comparison(exit_code=5)).startswith("nothing to compare")
    unlike = next(found for found in everything.findings if found.state == "not-comparable")
    assert verdict_sentence(make_comparison(unlike, exit_code=4)) == "not comparable: hardware cpu, software tf32 differ"


def test_changes_come_first_and_unchanged_only_when_wanted(everything: Comparison) -> None:
    """Sorted by state; what is not gated after what is."""
    states = [group.state for group in _groups_of(everything, show_all=False)]
    assert states == ["regressed", "missing", "improved", "inconclusive", "not-comparable"]
    assert [group.state for group in _groups_of(everything, show_all=True)] == [*states, "unchanged"]


def test_one_metric_of_many_cells_is_one_group(make_finding: Make, make_comparison: Make) -> None:
    """Its rows are named by the cells; many metrics of one cell are a group of the cell."""
    cells = make_comparison(*(make_finding(cell=f"cell {i}", gate="fail" if i == 2 else "warn") for i in range(3)))
    (group,) = _groups_of(cells, show_all=False)
    assert (group.title, group.names) == ("regressed: throughput, images/s", ("cell 2", "cell 0", "cell 1"))
    (group,) = _groups_of(make_comparison(make_finding(), make_finding(label="speed")), show_all=False)
    assert (group.title, group.names) == ("regressed: dcgan digits", ("throughput, images/s", "speed, images/s"))


@given(text=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1), width=st.integers(1, 20))
def test_a_folded_name_loses_nothing_and_fits(text: str, width: int) -> None:
    """However narrow the column is."""
    lines = folded(text, width)
    assert max(map(len, lines)) <= width
    assert "".join(lines) == text


def test_a_name_is_folded_where_it_may_be() -> None:
    """Behind a dot or an underscore rather than inside a word."""
    assert folded("work architecture.options.generator_width", 28) == ("work architecture.options.", "generator_width")

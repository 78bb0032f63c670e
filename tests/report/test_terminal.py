"""The table in a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganbench.report.outputs import Wish
from ganbench.report.outputs import terminal as render_terminal
from ganbench.report.words import verdict_sentence
from ganbench.verdict.findings import Comparison


@pytest.mark.parametrize("width", [80, 81, 100, 132, 200])
def test_it_fits_and_every_row_says_all(everything: Comparison, width: int) -> None:
    """Both values, estimate, interval and reason at any width from 80, in one line; the rest where there is room, or on request."""
    text = render_terminal(everything, Wish(width=width, show_all=True))
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert ("left out at this width" in text) == (width < 132)
    (line,) = [line for line in text.splitlines() if line.startswith("throughput,") and "1,250" in line]
    always = ("1,250", "1,125", "-10.0%", "-12.1 to -8.3%", "3.1%")
    others = ("5/5", "5%", "blocks the merge", "+0.2%", "-0.5 to +0.9%")
    for figure in (*always, *(others if width >= 132 else ())):
        assert figure in line, figure
    whole = render_terminal(everything, Wish(width=width, shape=lambda document: replace(document, is_whole=True)))
    (line,) = [line for line in whole.splitlines() if line.startswith("throughput,") and "1,250" in line]
    assert [figure for figure in (*always, *others) if figure not in line] == []
    joined = " ".join(text.split())
    for reason in (
        "worse by more than the threshold of 5%",
        "head has no such cell",
        "few seeds",
        "measured under other keys",
        "a tree was edited",
    ):
        assert reason in joined, reason
    assert "new in head: r3gan digits" in joined


def test_fields_that_differ_are_there_with_both_values(everything: Comparison) -> None:
    """Long names are folded, not cut."""
    text = render_terminal(everything)
    block = text[text.index("not comparable: dcgan digits") :]
    rows = [line.split("  ") for line in block.splitlines()]
    words = " ".join(block.split())
    assert "hardware cpu" in words
    for part in ("Some very long", "name of a CPU", "2.20GHz", "Another CPU"):
        assert part in block, part
    assert any("software tf32" in line and "none" in line and "on" in line for line in map(" ".join, rows))
    assert "data (3/2)" in block


def test_the_first_line_is_the_verdict(everything: Comparison) -> None:
    """Folded where it is longer than the terminal."""
    assert render_terminal(everything, Wish(width=200)).splitlines()[0] == verdict_sentence(everything)


def test_changed_rows_come_before_the_others(everything: Comparison) -> None:
    """And how many unchanged ones are hidden is told."""
    text = render_terminal(everything)
    order = [text.index(f"\n{state}:") for state in ("regressed", "missing", "improved", "inconclusive", "not comparable")]
    assert order == sorted(order)
    assert "1 unchanged is not shown; --all shows them" in text
    assert "images seen" not in text


def test_colours_are_there_only_when_wanted(everything: Comparison) -> None:
    """Not one escape sequence without them; a name cannot bring its own."""
    assert "\x1b[" in render_terminal(everything, colour=True)
    assert "\x1b" not in render_terminal(everything)


def test_a_name_cannot_steer_the_terminal(make_finding, make_comparison) -> None:  # type: ignore[no-untyped-def]
    """Control characters in a record become question marks, in every place where a text of it is shown."""
    evil = "a\x1b]0;b\x07\nc\u202e"
    found = make_finding(label=evil, unit=evil, cell=evil, reason=evil, head=evil)
    text = render_terminal(make_comparison(found, base=evil, head=evil, machine=evil, notes=(evil,), new=(evil,)))
    assert all(line.isprintable() for line in text.splitlines())


def test_a_comparison_of_nothing_is_a_sentence(make_comparison) -> None:  # type: ignore[no-untyped-def]
    """No empty table, no legend."""
    assert render_terminal(make_comparison(exit_code=5)).startswith("nothing to compare")
    assert "threshold" not in render_terminal(make_comparison(exit_code=5))

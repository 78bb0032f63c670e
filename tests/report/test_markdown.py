"""Markdown that GitHub renders, whatever the names hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganbench.report.outputs import Wish, cut_to
from ganbench.report.outputs import markdown as render_markdown
from ganbench.report.words import verdict_sentence
from ganbench.verdict.findings import Comparison

Make = Callable[..., Any]
MarkdownIt = pytest.importorskip("markdown_it").MarkdownIt


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables that a markdown library finds: rows of cells, as text."""
    found: list[list[list[str]]] = []
    inside = False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        inside = token.type == "table_open" or (inside and token.type != "table_close")
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and inside:
            found[-1][-1].append("".join(child.content for child in token.children if child.type in ("text", "text_special")))
    return found


def test_it_renders_as_tables_with_all_figures(everything: Comparison) -> None:
    """A table for each group, the row of the regression with everything that the terminal has."""
    found = tables(render_markdown(everything, Wish(show_all=True)))
    assert len(found) == 6
    heading, row = found[0][0], found[0][1]
    told = dict(zip(heading, row, strict=True))
    assert told == {
        "": "throughput, images/s",
        "base": "1,250",
        "head": "1,125",
        "change": "-10.0%",
        "interval": "-12.1 to -8.3%",
        "detectable": "3.1%",
        "n": "5/5",
        "threshold": "5%",
        "if worse": "blocks the merge",
        "base against base": "+0.2%, -0.5 to +0.9%",
        "why": "worse by more than the threshold of 5%, p 0.004 after Holm's correction",
    }
    assert found[4][1][1:4] == ["hardware cpu", "Some very long name of a CPU (R) @ 2.20GHz", "Another CPU"]
    assert found[4][2][1:4] == ["software tf32", "none", "on"]


def test_the_first_line_is_the_verdict(everything: Comparison) -> None:
    """As it stands in the terminal."""
    assert render_markdown(everything).splitlines()[0].strip() == verdict_sentence(everything)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(name=st.text(st.sampled_from("a|`\n\r\\<>&*_[]#~!()-=:$ \t\x00\x1bé"), min_size=1, max_size=20))
def test_no_name_breaks_the_table(make_finding: Make, make_comparison: Make, name: str) -> None:
    """Pipes, backticks, line feeds, tags: every row has as many cells as its heading, and nothing becomes a tag or code."""
    found = make_finding(label=f"x{name}y", unit="", reason=name, cell=name)
    text = render_markdown(make_comparison(found, base=name, notes=(name,)))
    ((heading, row),) = tables(text)
    assert len(heading) == len(row)
    rendered = MarkdownIt("commonmark").enable("table").render(text)
    assert "<code>" not in rendered
    assert "<a" not in rendered
    assert row[0].replace("?", "").replace(" ", "") == "".join(c for c in f"x{name}y" if c.isprintable()).replace(" ", "")


@pytest.mark.parametrize("name", ["    :", "- a", "---", "+ a", "===", "1. a", "2) a", "1.", "# a"])
def test_a_note_is_one_line_of_the_list_whatever_it_begins_with(make_finding: Make, make_comparison: Make, name: str) -> None:
    """No code, no list in the list, no rule and no heading."""
    rendered = MarkdownIt("commonmark").enable("table").render(render_markdown(make_comparison(make_finding(), notes=(name,))))
    assert f"<li>{name.strip()}</li>" in rendered


def test_a_long_summary_is_cut_at_a_line_and_says_so() -> None:
    """In bytes, not in characters, with room to spare; a text that fits is left alone."""
    text = "| é | ü |\n" * 1000
    cut = cut_to(text, 8 * 1024)
    assert len(cut.encode()) <= 8 * 1024
    lines = cut.splitlines()
    assert set(lines[:-2]) == {"| é | ü |"}
    assert lines[-1] == f"{1000 - len(lines) + 2} of 1000 lines left out: a summary holds 1024 kB."
    assert cut_to(text, 1024 * 1024) == text
    assert cut_to(text, 100) == ""

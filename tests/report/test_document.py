"""A document of one's own, as a plugin's author makes it: public names only, in every format."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import pytest

import ganbench
from ganbench import Cell, Column, Document, Row, Section, print_document, render

FORMATS = ("terminal", "markdown", "csv", "json", "html", "latex")
COLUMNS = (
    Column(heading="op", kind="name", width=12),
    Column(heading="way", kind="text"),
    Column(heading="µs", id="microseconds", kind="speed", direction="lower"),
    Column(heading="GB/s"),
    Column(heading="why", kind="reason"),
)


def row(name: str, way: str, time: float, why: str = "", *, is_joined: bool = False) -> Row:
    return Row((Cell(name), Cell(way), Cell(f"{time:.1f}", value=time), Cell("7"), Cell(why)), is_joined=is_joined)


@pytest.fixture
def report() -> Document:
    """Two ops, the first with two rows; the third says the same as the second."""
    rows = (
        row("bias_act", "forward", 1.5, "cold"),
        row("bias_act", "backward", float("nan"), is_joined=True),
        row("norm_act_of_images", "forward", 2.0, "warm"),
        row("gan_loss", "forward", 2.0, "small"),
    )
    section = Section(title="ops", columns=COLUMNS, rows=rows, merges=True)
    return Document(heading=("a machine",), sections=(section,), legend=("µs: of one call",))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_shows_all_of_it(report: Document, form: str) -> None:
    """Names, figures, reasons; what a format must escape or fold is left out here."""
    text = render(report, form)
    for word in ("ops", "forward", "backward", "1.5", "cold", "warm", "small"):
        assert word in text or (form == "csv" and word == "ops"), word


def test_a_terminal_writes_joined_rows_and_alike_ones_as_one_block(report: Document) -> None:
    """A name once, what all rows share above, long names folded, reasons as notes that both names share."""
    assert render(report, "terminal", width=60).splitlines() == [
        "a machine",
        "",
        "ops; GB/s 7",
        "op            way        µs",
        "───────────────────────────",
        "bias_act¹     forward   1.5",
        "              backward  nan",
        "norm_act_of_  forward   2.0",
        "images",
        "gan_loss²",
        "¹ cold",
        "² warm; small",
        "µs: of one call",
    ]


def test_programs_get_values_and_strict_json(report: Document) -> None:
    """By a column's id where it has one, by its heading else."""
    (group,) = json.loads(render(report, "json"), parse_constant=pytest.fail)["groups"]
    assert [one["microseconds"] for one in group["rows"]] == [1.5, {"$float": "nan"}, 2.0, 2.0]
    assert group["rows"][0]["way"] == "forward"
    rows = list(csv.DictReader(io.StringIO(render(report, "csv"))))
    assert [one["microseconds"] for one in rows] == ["1.5", "nan", "2.0", "2.0"]


def test_a_notebook_shows_it_escaped_and_styles_nothing_else() -> None:
    """No page around it; every rule of its style begins with its own class."""
    section = Section(title="<b>", columns=(Column(heading="x"),), rows=(Row((Cell("<script>", notes=("a & b",), tone="bad"),)),))
    text = Document(sections=(section,))._repr_html_()
    assert "<html" not in text
    assert "<script>" not in text
    assert "&lt;script&gt;<sup>1</sup>" in text
    assert "a &amp; b" in text
    rules = text[text.index("<style>") + len("<style>") : text.index("</style>")]
    selectors = [one.strip() for rule in rules.split("}")[:-1] for one in rule.partition("{")[0].split(",")]
    assert all(selector.startswith(".ganbench ") for selector in selectors)


def test_it_is_printed_on_a_stream(report: Document) -> None:
    """Without colours where the stream is no terminal."""
    file = io.StringIO()
    print_document(report, file=file)
    assert file.getvalue().startswith("a machine\n")
    assert "\x1b" not in file.getvalue()
    print_document(report, "markdown", file=file)
    assert "### ops" in file.getvalue()


def test_formats_import_documents_only() -> None:
    """Also under TYPE_CHECKING, where import-linter does not look."""
    folder = Path(ganbench.__file__).parent / "report" / "formats"
    allowed = {"ganbench.report.document", "ganbench.text", "ganbench.errors"}
    for file in folder.glob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert {module for module in modules if module.partition(".")[0] == "ganbench"} <= allowed, file.name


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_empty_or_narrow_is_shown_too(form: str) -> None:
    """No row, no column, a single cell, wide letters, and numbers of notes with two digits."""
    only = (Column(heading="x", kind="name"),)
    many = tuple(Row((Cell(f"名前{i}"), Cell("1.000", notes=(f"reason {i}",)), Cell("9" * 40))) for i in range(12))
    columns = (*only, Column(heading="y"), Column(heading="long"))
    for section in (
        Section(title="t", columns=only, rows=()),
        Section(title="t", columns=(), rows=()),
        Section(title="t", columns=only, rows=(Row((Cell("a"),)),)),
        Section(title="t", columns=columns, rows=many),
    ):
        text = render(Document(sections=(section,)), form)
        assert "t" in text or form == "csv"
        assert "…" not in text
    narrow = render(Document(sections=(Section(title="t", columns=columns, rows=many),)), "terminal", width=20)
    assert max(map(len, narrow.splitlines())) <= 20
    assert sum("1.000" in line for line in narrow.splitlines()) == len(many)

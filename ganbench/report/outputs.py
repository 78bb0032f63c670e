"""A verdict in each kind of output, by name: what ``-o kind=path`` writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganbench.record.serialise import to_json
from ganbench.report import formats
from ganbench.report.document import Document
from ganbench.report.verdict import findings_document, verdict_document
from ganbench.verdict.findings import Comparison

SUMMARY_BYTES = 1024 * 1024
"""What GitHub takes as the summary of one step; of a larger one it shows nothing."""
_MARGIN = 1024
_NARROWEST = 80

KINDS: dict[str, str] = {
    "terminal": "the table, as it is printed",
    "json": "the whole verdict",
    "markdown": "for a pull request",
    "junit": "tests for a CI system",
    "github-benchmark": "head's values for github-action-benchmark, in PATH-bigger.json and PATH-smaller.json",
    "csv": "for a spreadsheet",
    "pytest-benchmark": "times, in PATH-base.json and PATH-head.json",
}
"""What each is for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the reader wants besides the verdict."""

    show_all: bool = False
    """Whether unchanged findings are shown to people; programs always get them."""
    created: str = "1970-01-01T00:00:00"
    """The moment, in ISO 8601 without a time zone; for the formats that hold one."""
    width: int = 80
    """Columns of the terminal."""
    shape: Callable[[Document], Document] = lambda document: document
    """What is done with a document before people see it: which columns it has."""


def render(kind: str, comparison: Comparison, wish: Wish) -> dict[str, str]:
    """Return the texts of one of :data:`KINDS`.

    Args:
        kind: which.
        comparison: the verdict.
        wish: how.

    Returns:
        The text of each file by what is added to its name; nothing is where there is one file only.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)} (got {kind!r})")
    return _RENDERERS[kind](comparison, wish)


def file_names(kind: str, path: Path) -> tuple[Path, ...]:
    """Return which files a kind of output becomes."""
    added = {"github-benchmark": ("bigger", "smaller"), "pytest-benchmark": ("base", "head")}.get(kind, ("",))
    return tuple(with_addition(path, addition) for addition in added)


def with_addition(path: Path, addition: str) -> Path:
    """Return ``bench-bigger.json`` for ``bench.json``."""
    return path.with_name(f"{path.stem}-{addition}{path.suffix or '.json'}") if addition else path


def markdown(comparison: Comparison, wish: Wish | None = None) -> str:
    """Return a comparison as markdown, whose first line is the verdict sentence."""
    return formats.render(_document(comparison, wish or Wish()), "markdown")


def terminal(comparison: Comparison, wish: Wish | None = None, *, colour: bool = False) -> str:
    """Return a comparison as text; a terminal of less than 80 columns folds its lines.

    Args:
        comparison: the verdict.
        wish: width and what is shown.
        colour: whether to use the terminal's colours.
    """
    wish = wish or Wish()
    return formats.render(_document(comparison, wish), "terminal", width=max(wish.width, _NARROWEST), colour=colour)


def _document(comparison: Comparison, wish: Wish) -> Document:
    return wish.shape(verdict_document(comparison, show_all=wish.show_all))


def cut_to(text: str, num_bytes: int) -> str:
    """Return as many whole lines of a text as fit, with a line that says how many were left out; nothing where there is no room at all.

    Args:
        text: markdown.
        num_bytes: how long it may be in UTF-8, a kilobyte of which is kept free.
    """
    if num_bytes < 2 * _MARGIN:
        return ""
    if len(text.encode()) <= num_bytes - _MARGIN:
        return text
    lines = text.splitlines(keepends=True)
    kept, size = 0, 0
    while kept < len(lines) and (size := size + len(lines[kept].encode())) <= num_bytes - 2 * _MARGIN:
        kept += 1
    return f"{''.join(lines[:kept])}\n{len(lines) - kept} of {len(lines)} lines left out: a summary holds {SUMMARY_BYTES // 1024} kB.\n"


def _junit(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.exchange.junit import render_junit

    return {"": render_junit(comparison, created=wish.created)}


def _github_benchmark(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.exchange.benchmarks import render_github

    return {"bigger": render_github(comparison, "higher"), "smaller": render_github(comparison, "lower")}


def _pytest_benchmark(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.exchange.benchmarks import render_side

    return {side: render_side(comparison, side, created=wish.created) for side in ("base", "head")}


_RENDERERS: dict[str, Callable[[Comparison, Wish], dict[str, str]]] = {
    "terminal": lambda comparison, wish: {"": terminal(comparison, wish)},
    "json": lambda comparison, _: {"": to_json(comparison)},
    "markdown": lambda comparison, wish: {"": markdown(comparison, wish)},
    "junit": _junit,
    "github-benchmark": _github_benchmark,
    "csv": lambda comparison, _: {"": formats.render(findings_document(comparison), "csv")},
    "pytest-benchmark": _pytest_benchmark,
}

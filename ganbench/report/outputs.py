"""The kinds of output, by name: what ``-o kind=path`` writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ganbench.verdict.findings import Comparison

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


def _terminal(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.terminal import render_terminal

    return {"": render_terminal(comparison, width=wish.width, show_all=wish.show_all)}


def _markdown(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.markdown import render_markdown

    return {"": render_markdown(comparison, show_all=wish.show_all)}


def _plain(kind: str) -> Callable[[Comparison, Wish], dict[str, str]]:
    """Return a renderer that wants nothing but the verdict."""

    def call(comparison: Comparison, wish: Wish) -> dict[str, str]:
        text: str = getattr(import_module(f"ganbench.report.{kind}"), f"render_{kind}")(comparison)
        return {"": text}

    return call


def _junit(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.exchange.junit import render_junit

    return {"": render_junit(comparison, created=wish.created)}


def _github_benchmark(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.exchange.github_benchmark import render_bigger, render_smaller

    return {"bigger": render_bigger(comparison), "smaller": render_smaller(comparison)}


def _pytest_benchmark(comparison: Comparison, wish: Wish) -> dict[str, str]:
    from ganbench.report.exchange.pytest_benchmark import render_side

    return {side: render_side(comparison, side, created=wish.created) for side in ("base", "head")}


_RENDERERS: dict[str, Callable[[Comparison, Wish], dict[str, str]]] = {
    "terminal": _terminal,
    "json": _plain("json"),
    "markdown": _markdown,
    "junit": _junit,
    "github-benchmark": _github_benchmark,
    "csv": _plain("csv"),
    "pytest-benchmark": _pytest_benchmark,
}

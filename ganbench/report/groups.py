"""In which order and under which titles the findings are shown: what changed first; like with like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ganbench.report.words import ORDER, metric_name, state_name
from ganbench.text import clean
from ganbench.verdict.findings import Comparison, Finding, State

_GATES = ("fail", "warn", "off")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Findings of one state, of one cell or of one metric."""

    state: State
    title: str
    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    """What tells the findings from each other: their metrics, or their cells."""


def groups_of(comparison: Comparison, *, show_all: bool) -> tuple[Group, ...]:
    """Return the groups of a comparison, the worst first.

    Args:
        comparison: the verdict.
        show_all: whether unchanged findings are among them.
    """
    shown = [state for state in ORDER if show_all or state != "unchanged"]
    return tuple(group for state in shown for group in _of_state(state, [f for f in comparison.findings if f.state == state]))


def num_hidden(comparison: Comparison, *, show_all: bool) -> int:
    """Return how many findings the groups leave out."""
    return 0 if show_all else comparison.counts.get("unchanged", 0)


def _of_state(state: State, findings: Sequence[Finding]) -> Iterator[Group]:
    """Yield a group for each cell, or for each metric where those are fewer; in each, what is gated comes first."""
    metrics, cells = (list(dict.fromkeys(map(key, findings))) for key in (metric_name, _cell))
    by_metric = len(metrics) < len(cells)
    key, name = (metric_name, _cell) if by_metric else (_cell, metric_name)
    for common in metrics if by_metric else cells:
        yield _group(state, common, [found for found in findings if key(found) == common], name)


def _group(state: State, common: str, findings: Sequence[Finding], name: Callable[[Finding], str]) -> Group:
    ordered = sorted(findings, key=lambda found: _GATES.index(found.gate))
    title = f"{state_name(state)}: {common}" if common else state_name(state)
    return Group(state=state, title=title, findings=tuple(ordered), names=tuple(name(found) or common for found in ordered))


def _cell(found: Finding) -> str:
    return clean(found.cell)

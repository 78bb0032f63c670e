"""The quality of finished runs of head against a baseline, beside what is measured here and now."""

from __future__ import annotations

from pathlib import Path

from ganbench import Comparison, Finding, Policy, compare_sides, load_side

_TIERS = ("quality", "time-to-quality")


def stored_quality(baseline: str, runs: str, history: Path, policy: Policy) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings of quality of some runs against a baseline, and what must be known besides.

    Raises:
        UsageError: a side is no run.
        NothingToCompare: a side is empty.
    """
    base, head = load_side("baseline", (baseline,), history), load_side("runs", (runs,), history)
    return quality_findings(compare_sides(base, head, policy))


def quality_findings(comparison: Comparison) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings that count here, and what a reader must know of them.

    Args:
        comparison: of stored runs.
    """
    found = tuple(one for one in comparison.findings if one.tier in _TIERS or one.metric == "run")
    sides = f"quality is of the runs {comparison.head} against {comparison.base}, and n counts runs there"
    return found, (sides, *comparison.notes)

"""What a comparison of stored runs adds to a CI job: quality, and that a cell is lost or crashed. Its speed is of another day."""

from __future__ import annotations

from ganbench.compare import RULES, Comparison, Finding

_TIERS = ("quality", "time-to-quality")


def quality_findings(comparison: Comparison) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings that count here, and what a reader must know of them.

    Args:
        comparison: of stored runs.
    """
    found = tuple(one for one in comparison.findings if one.tier in _TIERS or one.metric == RULES["run"].name)
    sides = f"quality is of the runs {comparison.head} against {comparison.base}, and n counts runs there"
    return found, (sides, *comparison.notes)

"""The verdict in one sentence: the first line of what people read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ganbench.report.words import ORDER, full_name, percent, state_name, value_text
from ganbench.text import clean
from ganbench.verdict.findings import EXIT_NOT_COMPARABLE, Comparison, Finding

_SHOWN_FIELDS = 3


def verdict_sentence(comparison: Comparison) -> str:
    """Return the verdict of a whole comparison, the worst of it first."""
    if not comparison.findings:
        return "nothing to compare: base holds nothing that head could be held against"
    if comparison.exit_code == EXIT_NOT_COMPARABLE:
        return f"not comparable: {_unlike_fields(comparison.findings)}"
    if comparison.failures:
        return f"{_failed(comparison.failures)} ({_counts(comparison.findings)})"
    return f"{_passed(comparison.findings)} ({_counts(comparison.findings)})"


def finding_sentence(found: Finding) -> str:
    """Return what happened to one metric: ``throughput of dcgan digits is 10.2% lower``."""
    if found.state in ("regressed", "improved"):
        return f"{full_name(found)} {_moved(found)}"
    if found.metric == "run" and found.reason:
        return clean(f"{found.cell or found.label}: {found.reason}")
    return f"{full_name(found)} is {state_name(found.state)}"


def _failed(failures: Sequence[Finding]) -> str:
    worst = min(failures, key=_badness)
    word = worst.state if worst.fails else "undecided"
    more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    told = full_name(worst) if worst.state == "missing" and worst.metric != "run" else finding_sentence(worst)
    return f"{word}: {told}{more}"


def _passed(findings: Sequence[Finding]) -> str:
    """Return that nothing that is gated regressed; how sure that is follows from what stayed open."""
    gated = [found for found in findings if found.gate == "fail"]
    open_still = [found for found in gated if found.is_open]
    improved = [found for found in findings if found.state == "improved"]
    if gated and len(open_still) == len(gated):
        return "undecided: no gated metric could be decided"
    if improved and not open_still:
        best = min(improved, key=_badness)
        more = f", and {len(improved) - 1} more" if len(improved) > 1 else ""
        return f"improved: {finding_sentence(best)}{more}"
    return "no regression found" if open_still else "no regression"


def _badness(found: Finding) -> tuple[int, float]:
    """Sort by state, then by how large the change is."""
    size = abs(math.log1p(found.change)) if found.change is not None and -1 < found.change < math.inf else math.inf
    return ORDER.index(found.state), -size


def _moved(found: Finding) -> str:
    if found.change is None:
        return f"changed from {value_text(found.base)} to {value_text(found.head)}"
    if not math.isfinite(found.change):
        return "is lost: half of head's runs or more diverged" if found.head is None else f"went from 0 to {value_text(found.head)}"
    return f"is {percent(found.change, signed=False)} {'higher' if found.change > 0 else 'lower'}"


def _unlike_fields(findings: Sequence[Finding]) -> str:
    fields = list(dict.fromkeys(f"{one.key} {one.field}" for found in findings for one in found.differences))
    if not fields:
        return clean(findings[0].reason)
    more = f" and {len(fields) - _SHOWN_FIELDS} more" if len(fields) > _SHOWN_FIELDS else ""
    verb = "differ" if len(fields) > 1 else "differs"
    return clean(f"{', '.join(fields[:_SHOWN_FIELDS])}{more} {verb}")


def _counts(findings: Sequence[Finding]) -> str:
    """Return ``1 regressed, 4 inconclusive, 10 unchanged``; regressions that are not gated are counted apart."""
    names = {state: state_name(state) for state in ORDER}
    counts = Counter(
        f"{names[found.state]} but not gated" if found.state in ("regressed", "missing") and not found.fails else names[found.state]
        for found in findings
    )
    order = [text for name in names.values() for text in (name, f"{name} but not gated")]
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])

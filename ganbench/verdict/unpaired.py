"""Values of runs that were not measured side by side: speed of stored records, quality over seeds. Decided by ranks only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ganbench.verdict.decide import finding, plain_finding
from ganbench.verdict.findings import Finding
from ganbench.verdict.policy import Policy
from ganbench.verdict.rules import MetricRule
from ganbench.verdict.statistics import as_change, fewest_against, pooled_deviation, rank_effect, smallest_rank_p, visible_between_groups

_SOME, _MANY = 3, 100


def compare_groups(
    rule: MetricRule, base: Sequence[float], head: Sequence[float], policy: Policy, *, reasons: Iterable[str] = ()
) -> Finding:
    """Return the finding of two groups of runs.

    Args:
        rule: with the user's threshold and gate.
        base: one value for each run, at least one; what is not finite is a run that diverged, and ranks last.
        head: the same.
        policy: alpha.
        reasons: what must be known besides; empty texts are left out.
    """
    ours, theirs = ([_badness(value, rule) for value in side] for side in (base, head))
    said = [*reasons, _diverged("base", base), _diverged("head", head)]
    effect = rank_effect(ours, theirs, alpha=policy.alpha) if _have_logarithms(rule, base, head) else None
    if effect is None:
        zero = f"a ratio needs values above 0 (got {min(v for v in (*base, *head) if math.isfinite(v)):.4g})"
        return plain_finding(rule, "inconclusive", _joined(zero, *said), counts=(len(base), len(head)))
    return finding(rule, effect, base, head, reason=_joined(*said, _too_few(ours, theirs, policy.alpha)))


def _have_logarithms(rule: MetricRule, *sides: Sequence[float]) -> bool:
    """Tell whether a ratio means something: nothing is negative, and 0 only where it is the worst that can be."""
    finite = [value for side in sides for value in side if math.isfinite(value)]
    return all(value > 0 or (value == 0 and rule.direction == "higher") for value in finite)


def _badness(value: float, rule: MetricRule) -> float:
    """Return a logarithm, larger is worse; infinite where the run diverged."""
    if not math.isfinite(value) or value <= 0:
        return math.inf
    return -math.log(value) if rule.direction == "higher" else math.log(value)


def _diverged(side: str, values: Sequence[float]) -> str:
    count = sum(not math.isfinite(value) for value in values)
    return f"{count} of {len(values)} {side} runs diverged and rank{'s' if count == 1 else ''} last" if count else ""


def _too_few(base: Sequence[float], head: Sequence[float], alpha: float) -> str:
    """Return that no ranks of so few values could be significant, what could, and how small a change that would see."""
    smallest = smallest_rank_p(len(base), len(head))
    if smallest < alpha:
        return ""
    text = f"{len(base)} against {len(head)} runs can never be significant by ranks, the smallest p is {smallest:.2g}"
    wanted = _enough(len(base), len(head), alpha)
    deviation = pooled_deviation(*([value for value in side if math.isfinite(value)] for side in (base, head)))
    seen = f", and would see a change of {as_change(visible_between_groups(deviation, *wanted, alpha=alpha)):.1%}" if deviation else ""
    return f"{text}; {wanted[0]} against {wanted[1]} could be{seen}"


def _enough(num_base: int, num_head: int, alpha: float) -> tuple[int, int]:
    """Return how many runs could be significant: more of head where base has some, else as many of both."""
    if num_base >= _SOME and (needed := fewest_against(num_base, alpha=alpha)):
        return num_base, max(needed, num_head)
    both = next(n for n in range(2, _MANY) if smallest_rank_p(n, n) < alpha)
    return both, max(both, num_head)


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)

"""The decision rule: from an effect to a state, from all findings together to the exit code.

Metrics without noise, or nearly so, are decided here too: counts, hashes and memory. One value is enough; of several the range is the
interval.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from ganbench.record.record import Difference
from ganbench.verdict.findings import (
    EXIT_BASE_BROKEN,
    EXIT_GATE_FAILED,
    EXIT_NOT_COMPARABLE,
    EXIT_NOTHING,
    EXIT_OK,
    SCHEMA_VERSION,
    Comparison,
    Finding,
    Kind,
    Outcome,
    Quality,
    State,
)
from ganbench.verdict.policy import MetricRule, Policy
from ganbench.verdict.statistics import Effect, holm, log_ratio, testable


def judge(effect: Effect, rule: MetricRule) -> State:
    """Return the state of one metric.

    Regressed (and improved, likewise) only if the interval excludes 0 and the center is past the threshold; unchanged must be earned: the
    interval lies inside the threshold on both sides. Anything else is inconclusive. Where values must be equal, better is worse too.
    """
    limit = rule.limit(effect.scale)
    if -limit <= effect.low and effect.high <= limit:
        return "unchanged"
    if effect.low > 0 and effect.center > limit:
        return "regressed"
    if effect.high < 0 and effect.center < -limit:
        return "regressed" if rule.direction == "equal" else "improved"
    return "inconclusive"


def finding(rule: MetricRule, effect: Effect, base: Sequence[float], head: Sequence[float], *, reason: str = "") -> Finding:
    """Return the finding of an effect, in the metric's own terms.

    Args:
        rule: with the user's threshold and gate.
        effect: its own logarithms are of worsening.
        base: what was measured, one number for each run or pair; NaN where a run diverged.
        head: the same.
        reason: what must be known besides.
    """
    state = judge(effect, rule)
    if state == "inconclusive":
        reason = "; ".join(filter(None, (reason, _why_open(effect, rule))))
    ends = (effect.low, effect.high) if rule.direction != "higher" else (-effect.high, -effect.low)
    return dataclasses.replace(
        _blank(rule, state, reason),
        base=_median(base, rule),
        head=_median(head, rule),
        num_base=len(base),
        num_head=len(head),
        change=effect.as_change(-effect.center if rule.direction == "higher" else effect.center),
        low=effect.as_change(ends[0]),
        high=effect.as_change(ends[1]),
        scale=effect.scale,
        confidence=effect.confidence,
        p_value=effect.p_value,
        smallest_p=effect.smallest_p,
        smallest_visible=None if effect.visible is None else effect.as_change(effect.visible),
        not_worse=rule.direction != "equal" and effect.high <= rule.limit(effect.scale),
        base_values=tuple(base),
        head_values=tuple(head),
    )


def plain_finding(
    rule: MetricRule,
    state: State,
    reason: str,
    *,
    base: float | str | None = None,
    head: float | str | None = None,
    counts: tuple[int, int] = (0, 0),
    differences: Sequence[Difference] = (),
) -> Finding:
    """Return a finding without an interval: something is missing, not comparable, or equal or not; counts are of base's and head's runs."""
    blank = _blank(rule, state, reason)
    return dataclasses.replace(blank, base=base, head=head, num_base=counts[0], num_head=counts[1], differences=tuple(differences))


def _settle(findings: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    """Correct the gated findings for each other by Holm; what is then not significant becomes inconclusive.

    A finding whose number of values can never be significant among so many others is left out of the correction, and says so.
    """
    settled = list(findings)
    family = [i for i, f in enumerate(settled) if f.gate == "fail" and f.p_value is not None]
    able = [family[i] for i in testable([settled[i].smallest_p for i in family], alpha=policy.alpha)]
    adjusted = dict(zip(able, holm([settled[i].p_value or 0.0 for i in able]), strict=True))
    for index in family:
        settled[index] = _corrected(settled[index], adjusted.get(index), len(family), policy.alpha)
    return tuple(settled)


def conclude(
    kind: Kind,
    findings: Iterable[Finding],
    policy: Policy,
    *,
    base: str,
    head: str,
    machine: str,
    new: Sequence[str] = (),
    notes: Sequence[str] = (),
    changes: Sequence[Difference] = (),
    quality: Quality = "",
) -> Comparison:
    """Return the comparison that some findings make, corrected for each other, with the outcome and its exit code."""
    settled = _settle(findings, policy)
    return Comparison(
        schema_version=SCHEMA_VERSION,
        kind=kind,
        base=base,
        head=head,
        machine=machine,
        alpha=policy.alpha,
        strict=policy.strict,
        findings=settled,
        new=tuple(new),
        notes=tuple(notes),
        outcome=outcome_of(settled),
        changes=tuple(changes),
        quality=quality,
        exit_code=exit_code(settled, strict=policy.strict),
    )


def outcome_of(findings: Sequence[Finding]) -> Outcome:
    """Return what all findings together come to; the worst of them decides."""
    states = {f.state for f in findings}
    if not findings:
        return "nothing"
    if "broken" in states:
        return "broken"
    if any(f.fails for f in findings):
        return "failed"
    if states == {"not-comparable"}:
        return "not-comparable"
    if any(f.is_open for f in findings):
        return "undecided"
    return "new" if "new" in states else "passed"


_EXIT_CODES: dict[Outcome, int] = {"failed": EXIT_GATE_FAILED, "not-comparable": EXIT_NOT_COMPARABLE, "nothing": EXIT_NOTHING}


def exit_code(findings: Sequence[Finding], *, strict: bool) -> int:
    """Return the exit code: a broken head fails the gate, a broken base says nothing of head, and what is undecided fails if strict."""
    outcome = outcome_of(findings)
    if outcome == "broken":
        return EXIT_GATE_FAILED if any(f.fails for f in findings) else EXIT_BASE_BROKEN
    if outcome == "undecided":
        return EXIT_GATE_FAILED if strict else EXIT_OK
    return _EXIT_CODES.get(outcome, EXIT_OK)


def _blank(rule: MetricRule, state: State, reason: str) -> Finding:
    return Finding(
        metric=rule.name,
        label=rule.label,
        unit=rule.unit,
        tier=rule.tier,
        direction=rule.direction,
        gate=rule.gate,
        threshold=rule.threshold,
        state=state,
        reason=reason,
    )


def _median(values: Sequence[float], rule: MetricRule) -> float | None:
    """Return the median, a NaN being the worst of all; None where the median is one."""
    worst = -math.inf if rule.direction == "higher" else math.inf
    middle = statistics.median([worst if math.isnan(value) else value for value in values]) if values else math.nan
    return middle if math.isfinite(middle) else None


def _why_open(effect: Effect, rule: MetricRule) -> str:
    """Return why an interval decides nothing."""
    limit = f"{rule.threshold:.3g}" if rule.threshold < 0.01 else f"{rule.threshold:.0%}"
    if effect.confidence is None:
        return "the values of both sides overlap"
    if math.isinf(effect.low) and math.isinf(effect.high):
        return ""  # too few values; the caller says how many there must be
    if effect.low > 0 or effect.high < 0:
        word = "worse" if effect.low > 0 else "better"
        return f"{word}, and it is not certain whether by more than the threshold of {limit}"
    return f"the interval holds no change as well as one past the threshold of {limit}"


def _corrected(one: Finding, adjusted: float | None, family: int, alpha: float) -> Finding:
    """Return a finding with its corrected p, and inconclusive where that is not significant."""
    one = dataclasses.replace(one, adjusted_p=1.0 if adjusted is None else adjusted)
    if one.state not in ("regressed", "improved") or (adjusted is not None and adjusted < alpha):
        return one
    if adjusted is None:
        why = f"among {family} gated metrics so few values can never be significant: their smallest p is {one.smallest_p:.2g}"
    else:
        why = f"significant alone, and not among {family} gated metrics: p is {adjusted:.2g} after Holm's correction"
    return dataclasses.replace(one, state="inconclusive", reason="; ".join(filter(None, (one.reason, why))))


_HASH_DIGITS = 12
_SHOWN = 5


def compare_values(rule: MetricRule, base: Sequence[float], head: Sequence[float], *, reason: str = "") -> Finding | None:
    """Return the finding of a count, a size or a score; None where base has no value.

    Each value of head is held against each of base: regressed if all of them are worse and the middle one by more than the threshold.

    Args:
        rule: with the user's threshold and gate.
        base: one value for each run; what is not finite was not measured.
        head: the same.
        reason: what must be known besides.
    """
    ours, theirs = _measured(base), _measured(head)
    if not ours:
        return None
    if not theirs:
        return plain_finding(rule, "missing", f"head has no {rule.label}", base=statistics.median(ours), counts=(len(ours), 0))
    sign = -1 if rule.direction == "higher" else 1
    scale = rule.scale(ours, *theirs) if min(*ours, *theirs) < 0 else None
    if scale is None:
        shifts = [sign * log_ratio(b, h) for b in ours for h in theirs]
    else:
        shifts = [rule.worsening(h, scale) - rule.worsening(b, scale) for b in ours for h in theirs]
    effect = Effect(center=statistics.median(shifts), low=min(shifts), high=max(shifts), scale=scale)
    if math.isinf(effect.center) and rule.direction != "equal":
        zero = "base" if min(ours) == 0 else "head"
        return plain_finding(
            rule,
            "inconclusive",
            f"{zero} is 0, so that there is no ratio",
            base=statistics.median(ours),
            head=statistics.median(theirs),
            counts=(len(ours), len(theirs)),
        )
    return finding(rule, effect, ours, theirs, reason=reason)


def compare_hashes(rule: MetricRule, base: Mapping[str, str], head: Mapping[str, str]) -> Finding | None:
    """Return whether hashes are the same; None where the two sides have nothing in common.

    Args:
        rule: with ``equal`` as its direction. Where its gate is ``fail`` another hash is a regression, else it decides nothing.
        base: by what they are of, for instance ``seed 0``.
        head: likewise.
    """
    common = [name for name in base if name in head]
    if not common:
        return None
    unlike = [name for name in common if base[name] != head[name]]
    shown, more = (unlike or common)[0], f" and {len(unlike) - _SHOWN} more" if len(unlike) > _SHOWN else ""
    state: State = "unchanged" if not unlike else "regressed" if rule.gate == "fail" else "inconclusive"
    return plain_finding(
        rule,
        state,
        f"differs for {', '.join(unlike[:_SHOWN])}{more}" if unlike else "",
        base=base[shown][:_HASH_DIGITS],
        head=head[shown][:_HASH_DIGITS],
        counts=(len(common), len(common)),
    )


def _measured(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]

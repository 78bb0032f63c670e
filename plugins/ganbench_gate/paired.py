"""Samples of process pairs that ran in lock-step. The unit is the pair, never an iteration: a pair's own samples are not independent.

The interval is Student's for every number of pairs. At the level of one of three looks, a percentile bootstrap of 5, 8 or 12 normal values
misses the truth 7, 4 and 3 times as often as it says; a studentised one misses it a little more often than Student's, and is wider.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ganbench import Comparison, Difference, Effect, Finding, MetricRule, NullRatio, Policy, Quality, conclude, finding, plain_finding

_FEW_PAIRS = 3
"""With fewer, an interval excludes no change by chance too often for a claim that base against base does not bear out."""
_POWER = 0.8
"""Probability with which the smallest visible change is seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """What one base process and one head process measured side by side."""

    base: tuple[float, ...]
    """In the order of time; one number for each block. As many as there are; the two sides may differ."""
    head: tuple[float, ...]
    null: tuple[float, ...] = ()
    """The samples of a second base process in the same lock-step, where there is one."""

    @classmethod
    def of_log_ratio(cls, log: float) -> Pair:
        """Return a pair of which only ln(head / base) is known."""
        return cls(base=(1.0,), head=(math.exp(log),))

    @property
    def is_valid(self) -> bool:
        """Whether all samples are finite and above 0; a clock that stepped backwards measures a negative time."""
        return bool(self.base and self.head) and all(math.isfinite(x) and x > 0 for x in self.base + self.head)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedMetric:
    """One metric of all process pairs."""

    rule: MetricRule
    pairs: tuple[Pair, ...]
    """In the order in which they ran."""
    cell: str = ""
    """What was run, where there is more than one thing."""


def compare_paired(
    metrics: Sequence[PairedMetric],
    policy: Policy,
    *,
    others: Iterable[Finding] = (),
    base: str = "base",
    head: str = "head",
    machine: str = "",
    notes: Sequence[str] = (),
    changes: Sequence[Difference] = (),
    quality: Quality = "",
) -> Comparison:
    """Return the verdict of the pairs so far.

    Args:
        metrics: what was measured in lock-step.
        policy: thresholds, gates, and the looks that were planned.
        others: findings of what has no noise, as :func:`ganbench.compare_values` makes them.
        base: what base is called.
        head: what head is called.
        machine: in words.
        notes: what a reader must know, for instance that a working tree is not committed.
        changes: what differs whatever was measured.
        quality: what is known of it.
    """
    findings = [_finding(metric, policy) for metric in metrics if metric.pairs]
    beside = next((one.null for one in findings if one.null is not None), None)
    findings = [_doubted(one, one.null or beside, policy) for one in findings]
    return conclude(
        "paired", [*findings, *others], policy, base=base, head=head, machine=machine, notes=notes, changes=changes, quality=quality
    )


def next_look(
    comparison: Comparison, num_pairs: int, policy: Policy, *, seconds_per_pair: float = 0.0, seconds_left: float = math.inf
) -> int:
    """Return up to how many pairs to go on; 0 where to stop: all is decided, there is no further look, or no time for it.

    Args:
        comparison: the verdict of the pairs so far.
        num_pairs: how many pairs ran.
        policy: with the looks.
        seconds_per_pair: how long one pair takes.
        seconds_left: of the budget.
    """
    further = next((look for look in policy.looks if look > num_pairs), 0)
    tested = [f for f in comparison.findings if f.p_value is not None]
    deciding = [f for f in tested if f.gate == "fail"] or [f for f in tested if f.gate == "warn"]
    open_still = any(f.state == "inconclusive" for f in deciding)
    return further if open_still and (further - num_pairs) * seconds_per_pair <= seconds_left else 0


def compare_in_looks(metrics: Sequence[PairedMetric], policy: Policy) -> tuple[Comparison, int]:
    """Return the verdict as if the pairs had run one after another, and how many of them it took: for measuring its error rates."""
    most = max(len(metric.pairs) for metric in metrics)
    looks = [look for look in policy.looks if look <= most] or [most]
    for pairs in looks:
        comparison = compare_paired([dataclasses.replace(m, pairs=m.pairs[:pairs]) for m in metrics], policy)
        if not next_look(comparison, pairs, policy):
            break
    return comparison, pairs


def _finding(metric: PairedMetric, policy: Policy) -> Finding:
    rule = policy.applied(metric.rule)
    valid = [pair for pair in metric.pairs if pair.is_valid]
    left_out = len(metric.pairs) - len(valid)
    reason = f"{left_out} of {len(metric.pairs)} pairs left out: a sample was missing, not finite, 0 or negative" if left_out else ""
    base, head = ([statistics.median(side) for side in sides] for sides in ([p.base for p in valid], [p.head for p in valid]))
    sign = -1 if rule.direction == "higher" else 1
    worsenings = [sign * log_shift(pair.base, pair.head) for pair in valid]
    effect = mean_effect(worsenings, alpha=policy.alpha, num_looks=len(policy.looks))
    if effect is None:
        return dataclasses.replace(_without_pairs(rule, metric.pairs, reason), cell=metric.cell)
    if len(valid) == 1:
        reason = "; ".join(filter(None, (reason, "one pair has no spread")))
    return dataclasses.replace(finding(rule, effect, base, head, reason=reason), null=_null_ratio(valid, policy), cell=metric.cell)


def _doubted(one: Finding, null: NullRatio | None, policy: Policy) -> Finding:
    """Return a finding as inconclusive where fewer pairs than were planned, or two, show no more than what the machine makes of no change.

    Args:
        one: of any metric.
        null: of the metric itself, or of one that was measured in the same blocks.
        policy: with the looks.
    """
    if one.state not in ("regressed", "improved") or null is None or one.change is None:
        return one
    if one.num_head >= max(policy.looks[0], _FEW_PAIRS) or _size(one.change) > max(_size(null.low), _size(null.high)):
        return one
    why = f"{one.num_head} pairs are few, and so large a change was measured of base against base"
    return dataclasses.replace(one, state="inconclusive", reason="; ".join(filter(None, (one.reason, why))))


def _size(change: float) -> float:
    """Return how large a change is, whichever side is the larger."""
    return abs(math.log1p(change)) if change > -1 else math.inf


def _without_pairs(rule: MetricRule, pairs: Sequence[Pair], reason: str) -> Finding:
    """Return that head has no value where base has, and else that there is none."""
    base_has = any(Pair(base=p.base, head=p.base).is_valid for p in pairs)
    head_has = any(Pair(base=p.head, head=p.head).is_valid for p in pairs)
    return plain_finding(rule, "missing" if base_has and not head_has else "inconclusive", reason)


def _null_ratio(pairs: Sequence[Pair], policy: Policy) -> NullRatio | None:
    """Return base against base: second base processes where all pairs have one, else two halves of each; None for fewer than two pairs."""
    between = all(pair.null and Pair(base=pair.base, head=pair.null).is_valid for pair in pairs)
    halves = [(pair.base, pair.null) if between else _halves(pair.base) for pair in pairs]
    logs = [log_shift(a, b) for a, b in halves if a and b]
    effect = mean_effect(logs, alpha=policy.alpha) if len(logs) > 1 else None
    if effect is None:
        return None
    change, low, high = map(effect.as_change, (effect.center, effect.low, effect.high))
    return NullRatio(change=change, low=low, high=high, num_pairs=len(logs), between_processes=between)


def _halves(samples: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return A and B of samples in blocks of A B B A, which a steady drift changes alike; what does not fill a block is left out."""
    whole = samples[: len(samples) // 4 * 4]
    outer = tuple(x for i, x in enumerate(whole) if i % 4 in (0, 3))
    inner = tuple(x for i, x in enumerate(whole) if i % 4 in (1, 2))
    return outer, inner


def log_shift(base: Sequence[float], head: Sequence[float]) -> float:
    """Return the median of ln(h / b) over every sample h of head and b of base: by which factor head's samples are shifted.

    This is the estimator of Hodges and Lehmann (1963) on logarithms. It takes any number of samples on either side; exchanging the two
    reverses its sign exactly. Of blocks that a busy machine disturbs now and then it varies less than the ratio of the two medians,
    which fall between the disturbed and the undisturbed blocks when half of them are disturbed.

    Args:
        base: above 0, at least one.
        head: the same.
    """
    ours, theirs = (np.asarray(side, dtype=np.float64) for side in (base, head))
    up, down = np.divide.outer(theirs, ours), np.divide.outer(ours, theirs).T
    return float(np.median(np.where(up > 1, np.log(up), -np.log(down)))) + 0.0  # never -0.0


def mean_effect(worsenings: Sequence[float], *, alpha: float, num_looks: int = 1) -> Effect | None:
    """Return the mean of one logarithm for each process pair, with Student's interval and test, both Bonferroni's for several looks.

    Args:
        worsenings: one finite number for each pair, above 0 where head is worse.
        alpha: of all looks together.
        num_looks: how many looks were planned.

    Returns:
        The effect, with an interval that is open on both ends for a single pair; None for no pair.
    """
    if not worsenings:
        return None
    count, center, confidence = len(worsenings), statistics.fmean(worsenings), 1 - alpha / num_looks
    if count == 1:
        return Effect(center=center, low=-math.inf, high=math.inf, p_value=1.0, smallest_p=1.0, confidence=confidence)
    error = statistics.stdev(worsenings) / math.sqrt(count)
    critical = _t_quantile(1 - alpha / num_looks / 2, count - 1)
    p_value = 2 * float(special.stdtr(count - 1, -abs(center) / error)) if error > 0 else float(center == 0)
    return Effect(
        center=center,
        low=center - critical * error,
        high=center + critical * error,
        p_value=min(1.0, num_looks * p_value),
        confidence=confidence,
        visible=(critical + _t_quantile(_POWER, count - 1)) * error,
    )


def _t_quantile(probability: float, freedom: int) -> float:
    return float(special.stdtrit(freedom, probability))

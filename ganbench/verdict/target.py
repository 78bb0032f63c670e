"""Time to quality: how many images, and on one machine how many seconds, a run trains until it is as good as base's runs all were.

The target is the worst of what base's runs had reached after three quarters of their images: nobody has to choose it, and a head that
learns a quarter slower still gets there, so that its time is measured. It is interpolated between two evaluations, which are themselves
off the clock. A run that never gets there, or diverges, ranks last. The threshold is the envelope of base's runs: how far the slowest of
them lies behind their median, or the margin of quality where that is more.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from ganbench.record.record import Evaluation, Key, RunRecord
from ganbench.verdict.decide import finding, plain_finding
from ganbench.verdict.findings import Finding
from ganbench.verdict.keys import NamedKeys, agree, machine_and_software
from ganbench.verdict.policy import Policy
from ganbench.verdict.quality import Scored, are_the_same, evaluation_key, metrics_of, num_diverged
from ganbench.verdict.rules import MetricRule, kimg_to_rule, seconds_to_rule
from ganbench.verdict.speed import is_mixed
from ganbench.verdict.statistics import Effect
from ganbench.verdict.unpaired import compare_groups

_FEWEST_EVALUATIONS = 3
"""Before the first step, at the end, and one between them."""
_SHARE = 0.75
"""After which share of base's images the target is read."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Clock:
    """What is counted until the target."""

    rule: Callable[[str, str, float], MetricRule]
    """Makes the rule from a metric's name, what the target is called, and the threshold."""
    read: Callable[[Evaluation], float]
    keys: Callable[[RunRecord], NamedKeys]
    """What must agree besides the way to measure."""


_CLOCKS = (
    _Clock(rule=kimg_to_rule, read=lambda evaluation: evaluation.samples_seen / 1000, keys=lambda record: ()),
    _Clock(rule=seconds_to_rule, read=lambda evaluation: evaluation.training_seconds, keys=machine_and_software),
)


def compare_time_to_quality(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield how long it takes to the target, for each metric of quality that both sides have and that was measured often enough.

    Args:
        base: complete and diverged runs of one cell, one for each seed.
        head: the same.
        policy: thresholds, gates and alpha.
    """
    for metric in metrics_of(base):
        ours, theirs = (_followed(side, metric.name) for side in (base, head))
        for clock in _CLOCKS if ours and theirs else ():
            yield from _compare(metric, clock, ours, theirs, _never(base, head), policy)


def time_to(target: float, record: RunRecord, metric: str, read: Callable[[Evaluation], float]) -> float:
    """Return when a run reached a target, by linear interpolation from the evaluation before; infinite where it never did.

    Args:
        target: of the metric's own values.
        record: a run.
        metric: its full name; whether more is better is the metric's.
        read: images or seconds of an evaluation.
    """
    before: tuple[float, float] | None = None
    for evaluation in record.evaluations:
        value = next((v for v in evaluation.values if v.name == metric and math.isfinite(v.value)), None)
        if value is None:
            continue
        short, now = (target - value.value) * (1 if value.higher_is_better else -1), read(evaluation)
        if short <= 0:
            return now if before is None else before[1] + (now - before[1]) * before[0] / (before[0] - short)
        before = short, now
    return math.inf


def _compare(
    metric: MetricRule,
    clock: _Clock,
    base: Sequence[RunRecord],
    head: Sequence[RunRecord],
    never: tuple[Sequence[float], Sequence[float]],
    policy: Policy,
) -> Iterator[Finding]:
    """Yield the finding of one metric by one clock; nothing where base is there before it trains."""
    agreed = agree(base, head, lambda record: (*_measured(record, metric.name), *clock.keys(record)))
    if agreed.differences:
        rule = policy.applied(clock.rule(metric.name, metric.label, metric.threshold))
        counts = len(base), len(head)
        yield plain_finding(rule, "not-comparable", "measured under other keys", counts=counts, differences=agreed.differences)
        return
    target = _target(agreed.base, metric)
    ours, theirs = ([time_to(target, record, metric.name, clock.read) for record in side] for side in (agreed.base, agreed.head))
    if min(*ours, *theirs) <= 0:
        return
    envelope = max(ours) / statistics.median(ours) - 1
    rule = policy.applied(clock.rule(metric.name, f"{metric.label} {target:.4g}", max(envelope, metric.threshold)))
    if clock is _CLOCKS[0] and not never[1] and are_the_same(*_scored(metric.name, agreed.base, agreed.head)):
        same = Effect(center=0.0, low=0.0, high=0.0)
        yield finding(rule, same, ours, theirs, reason="the same losses and the same value for every seed of head")
        return
    yield compare_groups(rule, [*ours, *never[0]], [*theirs, *never[1]], policy, reasons=[agreed.left_out])


def _never(*sides: Sequence[RunRecord]) -> tuple[Sequence[float], Sequence[float]]:
    """Return for each side a time without an end for each run that diverged."""
    base, head = ([math.inf] * num_diverged(side) for side in sides)
    return base, head


def _followed(records: Sequence[RunRecord], metric: str) -> list[RunRecord]:
    """Return the complete runs of one machine whose quality was measured on the way."""
    return [r for r in records if r.status == "complete" and not is_mixed(r) and _is_followed(r, metric)]


def _is_followed(record: RunRecord, metric: str) -> bool:
    return len(_finite(record, metric)) >= _FEWEST_EVALUATIONS and bool(_finite(record, metric, until=_SHARE))


def _finite(record: RunRecord, metric: str, *, until: float = 1.0) -> list[float]:
    """Return the values of a run up to a share of its images."""
    history = record.history(metric)
    return [value.value for images, value in history if math.isfinite(value.value) and images <= until * history[-1][0]]


def _scored(metric: str, *sides: Sequence[RunRecord]) -> tuple[list[Scored], list[Scored]]:
    base, head = ([(record, record.final(metric)) for record in side] for side in sides)
    return base, head


def _target(base: Sequence[RunRecord], metric: MetricRule) -> float:
    """Return the worst of what some runs had reached after three quarters of their images."""
    better, worst = (max, min) if metric.direction == "higher" else (min, max)
    return worst(better(_finite(record, metric.name, until=_SHARE)) for record in base)


def _measured(record: RunRecord, metric: str) -> NamedKeys:
    """Return how and how often a run's quality was measured: what is interpolated over longer ways is another number."""
    kimg = ", ".join(f"{images / 1000:g}" for images, _ in record.history(metric))
    return (*evaluation_key((record, record.final(metric))), ("evaluation", Key.of(evaluated_at_kimg=kimg)))

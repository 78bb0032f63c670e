"""Quality over seeds: may head be worse by more than the margin, and does it take longer to get there?

By ranks, so that a run that diverged counts as the worst of all. Three seeds against three can never be significant: the smallest p of
their ranks is 0.1.

Time to quality is how many images, and on one machine how many seconds, a run trains until it is as good as base's runs all were. The
target is the worst of what base's runs had reached after three quarters of their images: nobody has to choose it, and a head that learns a
quarter slower still gets there, so that its time is measured. It is interpolated between two evaluations, which are themselves off the
clock. A run that never gets there, or diverges, ranks last. The threshold is the envelope of base's runs: how far the slowest of them lies
behind their median, or the margin of quality where that is more.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence

from ganbench.record.record import Evaluation, Key, MetricValue, RunRecord
from ganbench.verdict.decide import finding, plain_finding
from ganbench.verdict.findings import Finding
from ganbench.verdict.policy import MetricRule, Policy, kimg_to_rule, quality_rule, seconds_to_rule
from ganbench.verdict.statistics import Effect
from ganbench.verdict.unpaired import NamedKeys, agree, compare_groups, machine_and_software

_SAME_VALUE = 0.001
"""Relative; how closely a metric repeats itself when it measures the same network again."""
Scored = tuple[RunRecord, MetricValue]
"""A complete run and its quality by one metric."""


def compare_quality(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> tuple[Finding, ...]:
    """Return the findings of all metrics of quality that base's runs have.

    Args:
        base: complete and diverged runs of one cell, one for each seed.
        head: the same.
        policy: margins, gates, and whether a run's final or its best value is compared.
    """
    return tuple(_finding(rule, base, head, policy) for rule in _metrics_of(base))


def new_metrics(base: Sequence[RunRecord], head: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the names of the metrics that only head's runs have."""
    known = {rule.name for rule in _metrics_of(base)}
    return tuple(rule.name for rule in _metrics_of(head) if rule.name not in known)


def _metrics_of(records: Iterable[RunRecord]) -> tuple[MetricRule, ...]:
    """Return the rule of each metric, in the order of the evaluations."""
    rules: dict[str, MetricRule] = {}
    for record in records:
        for name in record.metric_names:
            rules.setdefault(name, quality_rule(record.final(name)))
    return tuple(rules.values())


def _finding(rule: MetricRule, base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Finding:
    rule = policy.applied(rule)
    ours, theirs = _scored(rule, base, policy), _scored(rule, head, policy)
    counts = len(ours), len(theirs)
    if not theirs:
        return plain_finding(rule, "missing", f"head was not measured by {rule.name}", counts=counts)
    if not ours:
        return plain_finding(rule, "inconclusive", "no base run is complete", counts=counts)
    agreed = agree(ours, theirs, _evaluation_key)
    if agreed.differences:
        return plain_finding(rule, "not-comparable", "measured in another way", counts=counts, differences=agreed.differences)
    numbers = [[value.value for _, value in side] for side in (agreed.base, agreed.head)]
    if not (diverged := [_num_diverged(side) for side in (base, head)])[1] and _are_the_same(agreed.base, agreed.head):
        return _identical(rule, numbers, agreed.head)
    lasts = [[math.nan] * count for count in diverged]
    least_scale = max(_real_scale(value) for _, value in agreed.base)
    return compare_groups(rule, numbers[0] + lasts[0], numbers[1] + lasts[1], policy, reasons=[agreed.left_out], least_scale=least_scale)


def _real_scale(value: MetricValue) -> float:
    """Return how far real samples lie from real ones by a metric; 0 where nobody measured it."""
    return max((abs(number) for number in (value.floor, value.floor_spread) if number is not None and math.isfinite(number)), default=0.0)


def _scored(rule: MetricRule, records: Iterable[RunRecord], policy: Policy) -> list[Scored]:
    pick = RunRecord.best if policy.quality == "best" else RunRecord.final
    return [(r, pick(r, rule.name)) for r in records if r.status == "complete" and rule.name in r.metric_names]


def _num_diverged(records: Iterable[RunRecord]) -> int:
    """Return how many runs diverged, whether they were measured before or not."""
    return sum(record.status == "diverged" for record in records)


def _evaluation_key(scored: Scored) -> NamedKeys:
    """Return how a value was measured."""
    record, value = scored
    found = next((key for key in record.keys.evaluation if key.digest == value.evaluation_key), Key.of(digest=value.evaluation_key))
    return (("evaluation", found),)


def _are_the_same(base: Sequence[Scored], head: Sequence[Scored]) -> bool:
    """Tell whether every run of head repeats the losses of base's run of its seed, and ended at the same value."""
    known = {record.seed: (record.work.trajectory_hash, value.value) for record, value in base}
    return all(
        record.seed in known
        and known[record.seed][0] == record.work.trajectory_hash
        and math.isclose(known[record.seed][1], value.value, rel_tol=_SAME_VALUE)
        for record, value in head
    )


def _identical(rule: MetricRule, numbers: Sequence[Sequence[float]], head: Sequence[Scored]) -> Finding:
    seeds = ", ".join(str(record.seed) for record, _ in head)
    effect = Effect(center=0.0, low=0.0, high=0.0)
    return finding(rule, effect, *numbers, reason=f"the same losses and the same value for every seed of head ({seeds})")


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
    for metric in _metrics_of(base):
        ours, theirs = (_followed(side, metric.name) for side in (base, head))
        for clock in _CLOCKS if ours and theirs else ():
            never = ([math.inf] * _num_diverged(base), [math.inf] * _num_diverged(head))  # of a run that diverged
            yield from _compare(metric, clock, ours, theirs, never, policy)


def _time_to(target: float, record: RunRecord, metric: str, read: Callable[[Evaluation], float]) -> float:
    """Return when a run reached a target of a metric, by linear interpolation from the evaluation before; infinite where it never did.

    When is what ``read`` says of an evaluation: images or seconds.
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
    ours, theirs = ([_time_to(target, record, metric.name, clock.read) for record in side] for side in (agreed.base, agreed.head))
    if min(*ours, *theirs) <= 0:
        return
    envelope = max(ours) / statistics.median(ours) - 1
    rule = policy.applied(clock.rule(metric.name, f"{metric.label} {target:.4g}", max(envelope, metric.threshold)))
    if clock is _CLOCKS[0] and not never[1] and _are_the_same(*_finals(metric.name, agreed.base, agreed.head)):
        same = Effect(center=0.0, low=0.0, high=0.0)
        yield finding(rule, same, ours, theirs, reason="the same losses and the same value for every seed of head")
        return
    yield compare_groups(rule, [*ours, *never[0]], [*theirs, *never[1]], policy, reasons=[agreed.left_out])


def _followed(records: Sequence[RunRecord], metric: str) -> list[RunRecord]:
    """Return the complete runs of one machine whose quality was measured on the way."""
    sound = [r for r in records if r.status == "complete" and not r.is_mixed]
    return [r for r in sound if len(_finite(r, metric)) >= _FEWEST_EVALUATIONS and _finite(r, metric, until=_SHARE)]


def _finite(record: RunRecord, metric: str, *, until: float = 1.0) -> list[float]:
    """Return the values of a run up to a share of its images."""
    history = record.history(metric)
    return [value.value for images, value in history if math.isfinite(value.value) and images <= until * history[-1][0]]


def _finals(metric: str, *sides: Sequence[RunRecord]) -> tuple[list[Scored], list[Scored]]:
    base, head = ([(record, record.final(metric)) for record in side] for side in sides)
    return base, head


def _target(base: Sequence[RunRecord], metric: MetricRule) -> float:
    """Return the worst of what some runs had reached after three quarters of their images."""
    better, worst = (max, min) if metric.direction == "higher" else (min, max)
    return worst(better(_finite(record, metric.name, until=_SHARE)) for record in base)


def _measured(record: RunRecord, metric: str) -> NamedKeys:
    """Return how and how often a run's quality was measured: what is interpolated over longer ways is another number."""
    kimg = ", ".join(f"{images / 1000:g}" for images, _ in record.history(metric))
    return (*_evaluation_key((record, record.final(metric))), ("evaluation", Key.of(evaluated_at_kimg=kimg)))

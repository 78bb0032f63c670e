"""Quality over seeds: may head be worse by more than the margin? By ranks, so that a run that diverged counts as the worst of all.

Three seeds against three can never be significant: the smallest p of their ranks is 0.1.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.record.record import Key, MetricValue, RunRecord
from ganbench.verdict.decide import finding, plain_finding
from ganbench.verdict.exact import compare_values
from ganbench.verdict.findings import Finding
from ganbench.verdict.keys import NamedKeys, agree
from ganbench.verdict.policy import Policy
from ganbench.verdict.rules import FROZEN_SCORE_THRESHOLD, MetricRule, frozen_score_rule, quality_rule
from ganbench.verdict.statistics import Effect
from ganbench.verdict.unpaired import compare_groups

Scored = tuple[RunRecord, MetricValue]
"""A complete run and its quality by one metric."""


def compare_quality(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> tuple[Finding, ...]:
    """Return the findings of all metrics of quality that base's runs have.

    Args:
        base: complete and diverged runs of one cell, one for each seed.
        head: the same.
        policy: margins, gates, and whether a run's final or its best value is compared.
    """
    return tuple(_finding(rule, base, head, policy) for rule in metrics_of(base))


def new_metrics(base: Sequence[RunRecord], head: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the names of the metrics that only head's runs have."""
    known = {rule.name for rule in metrics_of(base)}
    return tuple(rule.name for rule in metrics_of(head) if rule.name not in known)


def compare_frozen_score(metric: str, label: str, expected: float, measured: float, policy: Policy) -> Finding:
    """Return whether a metric still gives the stored value for the samples that ship with the project, to 1e-3.

    Where it does not, the metric drifted, and no verdict on a model's quality can be trusted.
    """
    rule = policy.applied(frozen_score_rule(metric, label))
    return compare_values(rule, [expected], [measured]) or plain_finding(rule, "inconclusive", "there is no stored value")


def metrics_of(records: Iterable[RunRecord]) -> tuple[MetricRule, ...]:
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
    agreed = agree(ours, theirs, evaluation_key)
    if agreed.differences:
        return plain_finding(rule, "not-comparable", "measured in another way", counts=counts, differences=agreed.differences)
    numbers = [[value.value for _, value in side] for side in (agreed.base, agreed.head)]
    if not (diverged := [num_diverged(side) for side in (base, head)])[1] and are_the_same(agreed.base, agreed.head):
        return _identical(rule, numbers, agreed.head)
    lasts = [[math.nan] * count for count in diverged]
    return compare_groups(rule, numbers[0] + lasts[0], numbers[1] + lasts[1], policy, reasons=[agreed.left_out])


def _scored(rule: MetricRule, records: Iterable[RunRecord], policy: Policy) -> list[Scored]:
    pick = RunRecord.best if policy.quality == "best" else RunRecord.final
    return [(r, pick(r, rule.name)) for r in records if r.status == "complete" and rule.name in r.metric_names]


def num_diverged(records: Iterable[RunRecord]) -> int:
    """Return how many runs diverged, whether they were measured before or not."""
    return sum(record.status == "diverged" for record in records)


def evaluation_key(scored: Scored) -> NamedKeys:
    """Return how a value was measured."""
    record, value = scored
    found = next((key for key in record.keys.evaluation if key.digest == value.evaluation_key), Key.of(digest=value.evaluation_key))
    return (("evaluation", found),)


def are_the_same(base: Sequence[Scored], head: Sequence[Scored]) -> bool:
    """Tell whether every run of head repeats the losses of base's run of its seed, and ended at the same value."""
    known = {record.seed: (record.work.trajectory_hash, value.value) for record, value in base}
    return all(
        record.seed in known
        and known[record.seed][0] == record.work.trajectory_hash
        and math.isclose(known[record.seed][1], value.value, rel_tol=FROZEN_SCORE_THRESHOLD)
        for record, value in head
    )


def _identical(rule: MetricRule, numbers: Sequence[Sequence[float]], head: Sequence[Scored]) -> Finding:
    seeds = ", ".join(str(record.seed) for record, _ in head)
    effect = Effect(center=0.0, low=0.0, high=0.0)
    return finding(rule, effect, *numbers, reason=f"the same losses and the same value for every seed of head ({seeds})")


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenVerdict:
    """What the frozen samples say."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """Why there is no finding."""


def frozen_verdict(answer: Sequence[Mapping[str, Any]] | None, policy: Policy) -> FrozenVerdict:
    """Return the findings of what the process that scores frozen samples answered.

    Args:
        answer: for each set ``samples``, ``error`` and ``metrics``; None of a version that knows no frozen samples.
        policy: thresholds and gates.
    """
    if not answer:
        why = "no plugin has frozen samples" if answer is not None else "this version of head has no frozen samples"
        return FrozenVerdict(notes=(f"{why}, so that the metrics themselves were not checked",))
    several = len(answer) > 1
    named = [(one["samples"] if several else "", result) for one in answer for result in _frozen_findings(one, policy)]
    return FrozenVerdict(findings=tuple(dataclasses.replace(result, cell=name) for name, result in named))


def _frozen_findings(answer: Mapping[str, Any], policy: Policy) -> Iterator[Finding]:
    if answer["error"]:
        rule = policy.applied(frozen_score_rule(answer["samples"], "scores"))
        yield plain_finding(rule, "missing", f"they cannot be scored: {answer['error']}")
    for metric in answer["metrics"]:
        stored, measured = (math.nan if metric[side] is None else metric[side] for side in ("stored", "measured"))
        result = compare_frozen_score(metric["name"], metric["label"], stored, measured, policy)
        yield dataclasses.replace(result, reason="; ".join(filter(None, (result.reason, _differing_fields(metric["differences"])))))


def _differing_fields(differences: Sequence[Sequence[Any]]) -> str:
    """Return which fields of the evaluation key are others than when the scores were stored."""
    fields = ", ".join(f"{field} was {stored} and is {now}" for field, stored, now in differences)
    return f"the evaluation key differs: {fields}" if fields else ""

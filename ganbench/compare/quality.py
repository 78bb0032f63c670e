"""Quality over seeds: may head be worse by more than the margin? By ranks, so that a run that diverged counts as the worst of all.

Three seeds against three can never be significant: the smallest p of their ranks is 0.1.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ganbench.compare.decide import finding, plain_finding
from ganbench.compare.exact import compare_values
from ganbench.compare.keys import NamedKeys, agree
from ganbench.compare.metric import FROZEN_SCORE_THRESHOLD, MetricRule, frozen_score_rule, quality_rule
from ganbench.compare.policy import Policy
from ganbench.compare.ranks import fewest_against, rank_effect, smallest_rank_p
from ganbench.compare.verdict import Finding
from ganbench.metrics.key import Key
from ganbench.metrics.value import MetricValue
from ganbench.results.record import RunRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scored:
    """The quality of one run by one metric."""

    record: RunRecord
    value: MetricValue

    @property
    def number(self) -> float:
        """The value; NaN where the run diverged."""
        return self.value.value if self.record.status == "complete" and math.isfinite(self.value.value) else math.nan


def compare_quality(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> tuple[Finding, ...]:
    """Return the findings of all metrics of quality that base's runs have.

    Args:
        base: complete and diverged runs of one cell, one for each seed.
        head: the same.
        policy: margins, gates, and whether a run's final or its best value is compared.
    """
    metrics = _metrics(base)
    return tuple(_finding(rule, _scored(rule, base, policy), _scored(rule, head, policy), policy) for rule in metrics)


def new_metrics(base: Sequence[RunRecord], head: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the names of the metrics that only head's runs have."""
    known = {rule.name for rule in _metrics(base)}
    return tuple(rule.name for rule in _metrics(head) if rule.name not in known)


def compare_frozen_score(metric: str, label: str, expected: float, measured: float, policy: Policy) -> Finding:
    """Return whether a metric still gives the stored value for the samples that ship with the project, to 1e-3.

    Where it does not, the metric drifted, and no verdict on a model's quality can be trusted.
    """
    rule = policy.applied(frozen_score_rule(metric, label))
    return compare_values(rule, [expected], [measured]) or plain_finding(rule, "inconclusive", "there is no stored value")


def _metrics(records: Iterable[RunRecord]) -> tuple[MetricRule, ...]:
    """Return the rule of each metric, in the order of the evaluations."""
    rules: dict[str, MetricRule] = {}
    for record in records:
        for name in record.metric_names:
            rules.setdefault(name, quality_rule(record.final(name)))
    return tuple(rules.values())


def _scored(rule: MetricRule, records: Iterable[RunRecord], policy: Policy) -> list[_Scored]:
    """Return the runs with their values; a run that diverged before its first value takes part all the same."""
    measured = [record for record in records if rule.name in record.metric_names]
    values = [_Scored(record=r, value=r.best(rule.name) if policy.quality == "best" else r.final(rule.name)) for r in measured]
    return values


def _evaluation_key(scored: _Scored) -> NamedKeys:
    digest = scored.value.evaluation_key
    found = next((key for key in scored.record.keys.evaluation if key.digest == digest), Key.of(digest=digest))
    return (("evaluation", found),)


def _finding(rule: MetricRule, base: Sequence[_Scored], head: Sequence[_Scored], policy: Policy) -> Finding:
    rule = policy.applied(rule)
    if not head:
        return plain_finding(rule, "missing", f"head was not measured by {rule.name}", num_base=len(base))
    agreed = agree(base, head, _evaluation_key)
    if agreed.differences:
        reason = "measured in another way"
        return plain_finding(rule, "not-comparable", reason, num_base=len(base), num_head=len(head), differences=agreed.differences)
    ours, theirs = [s.number for s in agreed.base], [s.number for s in agreed.head]
    same = _same_runs(rule, agreed.base, agreed.head)
    if same is not None:
        return same
    effect = rank_effect([_badness(v, rule) for v in ours], [_badness(v, rule) for v in theirs], alpha=policy.alpha)
    reasons = [agreed.left_out, _diverged("base", ours), _diverged("head", theirs), too_few(len(ours), len(theirs), policy.alpha)]
    if effect is None or any(v < 0 or (v == 0 and rule.direction == "lower") for v in ours + theirs):
        reasons = ["a ratio needs values above 0", *reasons]
        return plain_finding(rule, "inconclusive", _joined(reasons), num_base=len(ours), num_head=len(theirs))
    return finding(rule, effect, ours, theirs, reason=_joined(reasons))

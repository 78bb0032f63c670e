"""Metrics without noise, or nearly so: counts, hashes and memory. One value is enough; of several the range is the interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from ganbench.record.record import RunRecord
from ganbench.verdict.decide import finding, plain_finding
from ganbench.verdict.findings import Finding, State
from ganbench.verdict.keys import agree, machine_and_software
from ganbench.verdict.policy import Policy
from ganbench.verdict.rules import RULES, MetricRule, counted_in, parameter_rule
from ganbench.verdict.statistics import Effect, log_ratio

_HASH_DIGITS = 12
_SHOWN = 5


def compare_values(rule: MetricRule, base: Sequence[float], head: Sequence[float], *, reason: str = "") -> Finding | None:
    """Return the finding of a count, a size or a score; None where base has no value.

    Each value of head is held against each of base: regressed if all of them are worse and the middle one by more than the threshold.

    Args:
        rule: with the user's threshold and gate.
        base: one value for each run, 0 or more; what is not finite, or negative, was not measured.
        head: the same.
        reason: what must be known besides.
    """
    ours, theirs = _measured(base), _measured(head)
    if not ours:
        return None
    if not theirs:
        return plain_finding(rule, "missing", f"head has no {rule.label}", base=statistics.median(ours), counts=(len(ours), 0))
    sign = -1 if rule.direction == "higher" else 1
    shifts = [sign * log_ratio(b, h) for b in ours for h in theirs]
    effect = Effect(center=statistics.median(shifts), low=min(shifts), high=max(shifts))
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
    shown = (unlike or common)[0]
    state: State = "unchanged" if not unlike else "regressed" if rule.gate == "fail" else "inconclusive"
    return plain_finding(
        rule,
        state,
        f"another one for {_some(unlike)}" if unlike else "",
        base=base[shown][:_HASH_DIGITS],
        head=head[shown][:_HASH_DIGITS],
        counts=(len(common), len(common)),
    )


def _measured(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value) and value >= 0]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


_COUNTS: dict[str, Callable[[RunRecord], float]] = {
    "flops_per_iteration": lambda record: record.work.flops_per_iteration or math.nan,  # 0 is not counted
    "generator_steps": lambda record: record.work.generator_steps,
    "samples_seen": lambda record: record.work.samples_seen,
}


def compare_counts(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield the findings of what is the same on every machine.

    Args:
        base: complete runs of one cell, one for each seed.
        head: the same.
        policy: thresholds and gates.
    """
    for rule, count in _counted(base, head):
        if found := compare_values(policy.applied(rule), [count(r) for r in base], [count(r) for r in head]):
            yield found
    if found := compare_hashes(policy.applied(RULES["data_hash"]), {"the data": _data(base)}, {"the data": _data(head)}):
        yield found
    if found := _trajectory(base, head, policy):
        yield found


def _counted(base: Sequence[RunRecord], head: Sequence[RunRecord]) -> Iterator[tuple[MetricRule, Callable[[RunRecord], float]]]:
    for module in dict.fromkeys(name for record in (*base, *head) for name in record.work.parameters):
        yield parameter_rule(module), _parameters(module)
    for name, count in _COUNTS.items():
        yield counted_in(RULES[name], base[0].unit), count


def _parameters(module: str) -> Callable[[RunRecord], float]:
    return lambda record: record.work.parameters.get(module, math.nan)


def _data(records: Sequence[RunRecord]) -> str:
    return " ".join(sorted({record.dataset_hash for record in records}))


def _trajectory(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Finding | None:
    """Return whether the first losses are the same bits; that they are not says something only under the same keys."""
    rule = policy.applied(RULES["trajectory_hash"])
    found = compare_hashes(rule, _trajectories(base), _trajectories(head))
    if found is None or found.state == "unchanged":
        return found
    agreed = agree(base, head, machine_and_software)
    if agreed.differences:
        return plain_finding(rule, "not-comparable", "losses differ in their bits between machines", differences=agreed.differences)
    return compare_hashes(rule, _trajectories(agreed.base), _trajectories(agreed.head))


def _trajectories(records: Sequence[RunRecord]) -> dict[str, str]:
    return {f"seed {record.seed}": record.work.trajectory_hash for record in records}

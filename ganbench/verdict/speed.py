"""Memory and throughput of one cell from stored records: only between runs whose keys agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from ganbench.record.record import MIXED_MACHINES, RunRecord
from ganbench.verdict.decide import plain_finding
from ganbench.verdict.exact import compare_values
from ganbench.verdict.findings import Finding
from ganbench.verdict.keys import Agreement, NamedKeys, agree, device_and_software, machine_and_software
from ganbench.verdict.policy import Policy
from ganbench.verdict.rules import RULES, MetricRule, counted_in, phase_rule, startup_rule, stored_rule
from ganbench.verdict.unpaired import compare_groups

_Measure = Callable[[RunRecord], float]


def compare_memory(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield the finding of the peak memory, on the same model of device.

    Args:
        base: complete runs of one cell, repeated seeds too.
        head: the same.
        policy: threshold and gate.
    """
    rule = policy.applied(RULES["peak_memory_mib"])
    agreed = _agreed(rule, base, head, device_and_software)
    if isinstance(agreed, Finding):
        yield agreed
        return
    ours, theirs = ([_or_nan(record.throughput.peak_memory_mib) for record in side] for side in (agreed.base, agreed.head))
    if found := compare_values(rule, ours, theirs, reason=agreed.left_out):
        yield found


def compare_throughput(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield the findings of the throughput and of the times of phases and start-up, on the same machine and software.

    Args:
        base: complete runs of one cell, repeated seeds too: each is a replicate.
        head: the same.
        policy: thresholds, gates and alpha.
    """
    agreed = _agreed(policy.applied(_throughput(base)), base, head, machine_and_software)
    if isinstance(agreed, Finding):
        yield agreed
        return
    on_gpu = bool(dict(agreed.base[0].keys.hardware.fields).get("gpu"))
    for rule, measure in _measures(agreed.base):
        if found := _timed(policy.applied(stored_rule(rule, on_gpu=on_gpu)), measure, agreed, policy):
            yield found


def is_mixed(record: RunRecord) -> bool:
    """Tell whether a run's times are of two machines."""
    return MIXED_MACHINES in record.notes


def _agreed(
    rule: MetricRule, base: Sequence[RunRecord], head: Sequence[RunRecord], keys: Callable[[RunRecord], NamedKeys]
) -> Agreement[RunRecord] | Finding:
    """Return the runs that may be compared, or the finding that says why none may."""
    ours, theirs = ([record for record in side if not is_mixed(record)] for side in (base, head))
    for name, side in (("base", ours), ("head", theirs)):
        if not side:
            return plain_finding(rule, "not-comparable", f"every run of {name} was resumed on another machine, and its numbers are of both")
    agreed = agree(ours, theirs, keys)
    if agreed.differences:
        counts = len(base), len(head)
        return plain_finding(rule, "not-comparable", "measured under other keys", counts=counts, differences=agreed.differences)
    return agreed


def _measures(base: Sequence[RunRecord]) -> Iterator[tuple[MetricRule, _Measure]]:
    yield _throughput(base), lambda record: record.throughput.samples_per_second
    for name in dict.fromkeys(name for record in base for name, _ in record.throughput.phase_milliseconds):
        yield phase_rule(name), _phase(name)
    yield startup_rule(), lambda record: record.timing.startup_seconds


def _throughput(records: Sequence[RunRecord]) -> MetricRule:
    return counted_in(RULES["samples_per_second"], records[0].unit)


def _phase(name: str) -> _Measure:
    return lambda record: dict(record.throughput.phase_milliseconds).get(name, math.nan)


def _timed(rule: MetricRule, measure: _Measure, agreed: Agreement[RunRecord], policy: Policy) -> Finding | None:
    """Return the finding of one measure; None where base has none."""
    ours, theirs = ([v for r in side if math.isfinite(v := _or_nan(measure(r)))] for side in (agreed.base, agreed.head))
    if not ours:
        return None
    if not theirs:
        return plain_finding(rule, "missing", f"head has no {rule.label}", counts=(len(ours), 0))
    return compare_groups(rule, ours, theirs, policy, reasons=[agreed.left_out])


def _or_nan(value: float) -> float:
    """Return NaN where nothing was measured."""
    return value if value > 0 and math.isfinite(value) else math.nan

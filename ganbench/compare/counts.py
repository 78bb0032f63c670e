"""The deterministic metrics of one cell: parameters, FLOPs, steps, data and the losses of the first iterations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from ganbench.compare.decide import plain_finding
from ganbench.compare.exact import compare_hashes, compare_values
from ganbench.compare.keys import agree, machine_and_software
from ganbench.compare.metric import RULES
from ganbench.compare.policy import Policy
from ganbench.compare.verdict import Finding
from ganbench.results.record import RunRecord

_COUNTS: dict[str, Callable[[RunRecord], float]] = {
    "generator_parameters": lambda record: record.work.generator_parameters,
    "discriminator_parameters": lambda record: record.work.discriminator_parameters,
    "flops_per_iteration": lambda record: record.work.flops_per_iteration or math.nan,  # 0 is not counted
    "generator_steps": lambda record: record.work.generator_steps,
    "images_seen": lambda record: record.work.images_seen,
}


def compare_counts(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield the findings of what is the same on every machine.

    Args:
        base: complete runs of one cell, one for each seed.
        head: the same.
        policy: thresholds and gates.
    """
    for name, count in _COUNTS.items():
        if found := compare_values(policy.applied(RULES[name]), [count(r) for r in base], [count(r) for r in head]):
            yield found
    if found := compare_hashes(policy.applied(RULES["data_hash"]), {"the data": _data(base)}, {"the data": _data(head)}):
        yield found
    if found := _trajectory(base, head, policy):
        yield found


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

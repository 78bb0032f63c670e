"""From the pairs that ran to a :class:`Comparison`: speed by the pairs, counts and hashes exactly, memory by the range of all processes."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ganbench import Comparison, Finding, MetricRule, Policy, compare_hashes, compare_values, describe_machine, hardware_key, rule_of
from ganbench_gate.lockstep import BASE, HEAD, NULL, PairResult, SideResult, phases_of
from ganbench_gate.paired import Pair, PairedMetric, compare_paired

_OPTIMIZER_RULE = dataclasses.replace(
    rule_of("checkpoint_bytes"), name="optimizer_numbers", label="numbers that the optimizers keep", unit=""
)
_MEMORY_RULE = rule_of("peak_memory_mib")
_HOST_MEMORY_RULE = dataclasses.replace(_MEMORY_RULE, name="peak_rss_mib", label="peak memory of the host")
_PARAMETERS = "_parameters"
"""What the facts end in that say how many parameters a network has."""
_COUNTS = ("flops_per_iteration", "op_count", "checkpoint_bytes")


def conclude_pairs(
    pairs: Sequence[PairResult],
    policy: Policy,
    *,
    base: str,
    head: str,
    machine: str = "",
    notes: Sequence[str] = (),
    others: Sequence[Finding] = (),
) -> Comparison:
    """Return the verdict of the pairs so far.

    Args:
        pairs: in the order in which they ran.
        policy: of the user.
        base: what base is called.
        head: what head is called.
        machine: in words.
        notes: what the reader must know besides what the processes said.
        others: findings of something else than the pairs, which are corrected and gated with theirs.
    """
    said = _said(pairs) if pairs else []
    exact = [*_counts(pairs, policy), *_memory(pairs, policy)] if pairs else []
    return compare_paired(
        list(_timed(pairs)), policy, others=[*exact, *others], base=base, head=head, machine=machine, notes=[*notes, *said]
    )


def _timed(pairs: Sequence[PairResult]) -> Iterator[PairedMetric]:
    """Yield what was measured in lock-step."""
    speed = tuple(
        Pair(base=_speeds(pair, BASE), head=_speeds(pair, HEAD), null=_speeds(pair, NULL) if NULL in pair.sides else ()) for pair in pairs
    )
    unit = pairs[0].sides[HEAD].ready.get("unit", "images") if pairs else "images"
    yield PairedMetric(rule=rule_of("samples_per_second", unit), pairs=speed)
    for phase in phases_of([pair.sides[name] for pair in pairs for name in (BASE, HEAD)]):
        yield _single(rule_of(f"phase_milliseconds.{phase}"), pairs, lambda side, phase=phase: side.facts["phase_milliseconds"][phase])
    yield _single(rule_of("startup_seconds"), pairs, lambda side: side.ready["startup_seconds"])


def _speeds(pair: PairResult, name: str) -> tuple[float, ...]:
    return tuple(pair.sides[name].samples_per_second)


def _single(rule: MetricRule, pairs: Sequence[PairResult], value: Any) -> PairedMetric:
    """Return a metric of which each process has one number."""
    made = tuple(Pair(base=(float(value(pair.sides[BASE])),), head=(float(value(pair.sides[HEAD])),)) for pair in pairs)
    return PairedMetric(rule=rule, pairs=made)


def _counts(pairs: Sequence[PairResult], policy: Policy) -> Iterator[Finding]:
    """Yield what has no noise, from the first pair."""
    base, head = pairs[0].sides[BASE], pairs[0].sides[HEAD]
    counted = dict.fromkeys(name for side in (base, head) for name in side.ready if name.endswith(_PARAMETERS))
    rules = [(rule_of(name), base.ready, head.ready) for name in counted]
    rules += [(rule_of(name), base.facts, head.facts) for name in _COUNTS] + [(_OPTIMIZER_RULE, base.facts, head.facts)]
    for rule, ours, theirs in rules:
        found = compare_values(policy.applied(rule), _numbers([ours], rule.name), _numbers([theirs], rule.name))
        if found is not None:
            yield found
    hashes = [compare_hashes(policy.applied(rule_of("data_hash")), {"train": base.ready["data_hash"]}, {"train": head.ready["data_hash"]})]
    if len(_trajectories(pairs, BASE)) == 1:
        key = f"the first {base.facts['trajectory_steps']} steps"
        same_length = base.facts["trajectory_steps"] == head.facts["trajectory_steps"]
        ours_and_theirs = [{key: side.facts["trajectory_hash"]} for side in (base, head)]
        hashes.append(compare_hashes(policy.applied(rule_of("trajectory_hash")), *ours_and_theirs) if same_length else None)
    yield from (found for found in hashes if found is not None)


def _memory(pairs: Sequence[PairResult], policy: Policy) -> Iterator[Finding]:
    """Yield the peaks: the device's on a GPU with the host's beside it, else the host's."""
    base, head = ([pair.sides[name].facts for pair in pairs] for name in (BASE, HEAD))
    on_device = bool(_numbers(base, "peak_device_mib") or _numbers(head, "peak_device_mib"))
    rules = [("peak_device_mib", _MEMORY_RULE)] if on_device else []
    rules.append(("peak_rss_mib", _HOST_MEMORY_RULE if on_device else _MEMORY_RULE))
    for field, rule in rules:
        found = compare_values(policy.applied(rule), _numbers(base, field), _numbers(head, field))
        if found is not None:
            yield found


def _numbers(facts: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return the values that processes know."""
    return [float(one[name]) for one in facts if one.get(name) is not None]


def _trajectories(pairs: Sequence[PairResult], name: str) -> set[str]:
    return {pair.sides[name].facts["trajectory_hash"] for pair in pairs}


def _said(pairs: Sequence[PairResult]) -> list[str]:
    """Return what the processes ran, and what is odd about it."""
    first = pairs[0]
    sides = {name: first.sides[name] for name in (BASE, HEAD)}
    what = {name: side.ready["what"] for name, side in sides.items()}
    one = what[BASE] if what[BASE] == what[HEAD] else f"base {what[BASE]}; head {what[HEAD]}"
    blocks = round(statistics.median(len(pair.sides[BASE].samples_per_second) for pair in pairs))
    notes = [f"{one}; {len(pairs)} pairs of about {blocks} blocks a side, {first.steps_per_block} steps each"]
    notes += [
        f"{name} imported {', '.join(side.ready['foreign'])} from another tree" for name, side in sides.items() if side.ready["foreign"]
    ]
    torch = {name: side.ready.get("torch") for name, side in sides.items()}
    if torch[BASE] != torch[HEAD]:
        notes.append(f"base runs with torch {torch[BASE]} and head with {torch[HEAD]}, which is part of what is compared")
    if len(_trajectories(pairs, BASE)) > 1:
        notes.append("base's losses differ from process to process, so those of head cannot be compared with them")
    return notes


def machine_of(side: SideResult) -> str:
    """Return the machine in words, with the GPU where a process says that it ran on one."""
    gpu = side.ready.get("gpu")
    return describe_machine(hardware_key("cpu", gpu=(gpu["name"], gpu["memory_bytes"]) if gpu else None))

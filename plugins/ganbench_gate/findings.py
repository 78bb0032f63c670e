"""From the pairs that ran to a :class:`Comparison`: speed by the pairs, counts and hashes exactly, memory by the range of all processes."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from ganbench import (
    Comparison,
    Difference,
    Finding,
    MetricRule,
    Policy,
    compare_hashes,
    compare_values,
    describe_machine,
    hardware_key,
    plain_finding,
    rule_of,
)
from ganbench_gate.evidence import changed_later, quality_finding
from ganbench_gate.growth import memory_finding, object_finding
from ganbench_gate.lockstep import BASE, HEAD, NULL, PairResult, SideResult, phases_of
from ganbench_gate.paired import Pair, PairedMetric, compare_paired

_OPTIMIZER_RULE = dataclasses.replace(
    rule_of("checkpoint_bytes"), name="optimizer_numbers", label="numbers that the optimizers keep", unit=""
)
_REPEATABILITY_RULE = dataclasses.replace(rule_of("data_hash"), name="repeatability", label="repeatability")
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
    changes: Sequence[Difference] = (),
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
        changes: what differed before anything was built.
    """
    said = _said(pairs) if pairs else []
    exact = [*_counts(pairs, policy), *_repeatability(pairs, policy), *_memory(pairs, policy)] if pairs else []
    changed = sorted((*changes, *(measured_changes(pairs, changes) if pairs else ())), key=lambda one: _WEIGHT.index(one.key))
    quality = _quality(pairs, policy)
    if quality and not any(one.key not in _LIBRARIES for one in changed):
        changed = [*changed_later(*_fingerprints(pairs)), *changed]
    return compare_paired(
        list(_timed(pairs)),
        policy,
        others=[*exact, *quality, *others],
        base=base,
        head=head,
        machine=machine,
        notes=[*notes, *said],
        changes=changed,
        quality=_known_of(quality, changed, others),
    )


_LIBRARIES = ("requirement", "version")
_WEIGHT = ("setting", "parameters", "operators", "losses", "schedule", "evaluation", "data", *_LIBRARIES)
"""The keys of changes in the order in which a reader wants to know them."""


def measured_changes(pairs: Sequence[PairResult], settings: Sequence[Difference] = ()) -> Iterator[Difference]:
    """Yield what the first pair shows of how the mathematics of the two sides differs.

    Args:
        pairs: in the order in which they ran.
        settings: that differ; a schedule that follows from them is no news.
    """
    base, head = pairs[0].sides[BASE], pairs[0].sides[HEAD]
    for name in dict.fromkeys(name for side in (base, head) for name in side.ready if name.endswith(_PARAMETERS)):
        yield from _unlike("parameters", name.removesuffix(_PARAMETERS), base.ready.get(name), head.ready.get(name))
    yield from _unlike("data", "", base.ready["data_hash"], head.ready["data_hash"])
    ours, theirs = (side.facts.get("operators") or {} for side in (base, head))
    moved = sorted((name for name in {**ours, **theirs} if ours and theirs), key=lambda n: -abs(theirs.get(n, 0) - ours.get(n, 0)))
    for name in moved:
        yield from _unlike("operators", name, ours.get(name, 0), theirs.get(name, 0))
    if all(_first_difference(pairs, name) is None for name in (BASE, HEAD)):
        steps = [side.facts.get("step_hashes") or [] for side in (base, head)]
        first = next((i for i, (one, other) in enumerate(zip(*steps, strict=False)) if one != other), None)
        if first is not None:
            yield Difference(key="losses", field=f"from step {first + 1} on", base=steps[0][first], head=steps[1][first])
    if not any(one.key == "setting" for one in settings):
        yield from _unlike_schedules(*(side.fingerprint.get("schedules", {}) for side in (base, head)))


def _unlike(key: str, name: str, base: Any, head: Any) -> Iterator[Difference]:
    if base != head:
        yield Difference(key=key, field=name, base=base, head=head)


def _unlike_schedules(base: Mapping[str, Mapping[str, Any]], head: Mapping[str, Mapping[str, Any]]) -> Iterator[Difference]:
    """Yield for each thing that follows a schedule the first moment at which the two sides part."""
    for name in dict.fromkeys((*base, *head)) if base or head else ():
        ours, theirs = base.get(name, {}), head.get(name, {})
        first = next((kimg for kimg in {**ours, **theirs} if ours.get(kimg) != theirs.get(kimg)), None)
        if first is not None:
            values = (_short(side.get(first)) for side in (ours, theirs))
            yield from _unlike("schedule", f"{name} from {first} kimg on", *values)


def _short(value: Any) -> Any:
    """Return a number with as many digits as a reader needs to see a schedule move."""
    return f"{value:.4g}" if isinstance(value, float) else value


def _first_difference(pairs: Sequence[PairResult], name: str) -> int | None:
    """Return the first step, from 0, at which the processes of one side do not have the same losses; None where they agree."""
    roles = (BASE, NULL) if name == BASE else (name,)
    processes = [pair.sides[role].facts.get("step_hashes") or [] for pair in pairs for role in roles if role in pair.sides]
    steps = zip(*processes, strict=False)
    return next((i for i, hashes in enumerate(steps) if len(set(hashes)) > 1), None)


def _repeatability(pairs: Sequence[PairResult], policy: Policy) -> Iterator[Finding]:
    """Yield whether the processes of each side agree with each other; head must where base's do."""
    if len(pairs) < 2 or not all(pair.sides[name].facts.get("step_hashes") for pair in pairs for name in (BASE, HEAD)):
        return
    base, head = (_first_difference(pairs, name) for name in (BASE, HEAD))
    rule = policy.applied(_REPEATABILITY_RULE)
    counts = (len(pairs), len(pairs))
    if head is None:
        yield plain_finding(rule, "unchanged" if base is None else "improved", "head's processes have the same losses", counts=counts)
        return
    said = f"head's processes do not repeat themselves: with one seed their losses part at step {head + 1}"
    state: Any = "regressed" if base is None else "unchanged"
    yield plain_finding(rule, state, f"{said}; those of base {'agree' if base is None else f'part at step {base + 1}'}", counts=counts)


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
    grown = (memory_finding(base, head, policy), object_finding(base[0], head[0], policy))
    yield from (found for found in grown if found is not None)


def _quality(pairs: Sequence[PairResult], policy: Policy) -> list[Finding]:
    """Return whether quality is known to be the same, where the first pair has fingerprints."""
    base, head = _fingerprints(pairs)
    return [quality_finding(base, head, policy)] if base or head else []


def _fingerprints(pairs: Sequence[PairResult]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    base, head = (pairs[0].sides[name].fingerprint if pairs else {} for name in (BASE, HEAD))
    return base, head


def _known_of(
    quality: Sequence[Finding], changes: Sequence[Difference], others: Sequence[Finding]
) -> Literal["", "untested", "equal", "tested"]:
    """Return what is known of the quality: without fingerprints that it is not tested where anything but a library differs."""
    if any(one.tier == "quality" for one in others):
        return "tested"
    if quality:
        return "equal" if quality[0].state == "unchanged" else "untested"
    return "untested" if any(one.key not in _LIBRARIES for one in changes) else ""


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
    steps = f"{first.steps_per_block} step{'' if first.steps_per_block == 1 else 's'}"
    notes = [f"{one}; {len(pairs)} pairs of about {blocks} blocks a side, {steps} each"]
    notes += [
        f"{name} imported {', '.join(side.ready['foreign'])} from another tree" for name, side in sides.items() if side.ready["foreign"]
    ]
    torch = {name: side.ready.get("torch") for name, side in sides.items()}
    if torch[BASE] != torch[HEAD]:
        notes.append(f"base runs with torch {torch[BASE]} and head with {torch[HEAD]}, which is part of what is compared")
    if len(_trajectories(pairs, BASE)) > 1:
        notes.append("the losses of base differ from process to process, so those of head cannot be compared with them")
    return notes


def machine_of(side: SideResult) -> str:
    """Return the machine in words, with the GPU where a process says that it ran on one."""
    gpu = side.ready.get("gpu")
    return describe_machine(hardware_key("cpu", gpu=(gpu["name"], gpu["memory_bytes"]) if gpu else None))

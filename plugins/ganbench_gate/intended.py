"""Intended changes: reviewed entries of the accept file that say what a comparison has found, from the one value to the other."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Sequence

from ganbench import Difference, Finding, Policy
from ganbench_gate.accept import ABSENT, Accept

_WORSE = ("regressed", "missing")


def intended_changes(accepts: Iterable[Accept], findings: Sequence[Finding], changes: Sequence[Difference]) -> tuple[Accept, ...]:
    """Return the entries that hold: what each means is a setting that differs, or a metric that does, with exactly these values.

    Args:
        accepts: the entries of the cell that is compared.
        findings: what was measured.
        changes: what differed before anything was measured.
    """
    return tuple(
        one
        for one in accepts
        if any(change.field == one.metric and one.is_change(change.base, change.head) for change in changes)
        or any(found.metric == one.metric and _means(one, found) for found in findings)
    )


def _means(one: Accept, found: Finding) -> bool:
    """Tell whether an entry means what a metric went from and to; one that has no values cannot be meant by them."""
    return _has_values(found) and one.is_change(found.base, found.head, tolerance=found.threshold)


def _has_values(found: Finding) -> bool:
    return found.base is not None or found.head is not None


def excused(policy: Policy, intended: Iterable[Accept]) -> Policy:
    """Return the policy with which what is intended is only told; a gate that the user has named stays."""
    names = dict.fromkeys(name for one in intended for name in (one.metric, *one.also))
    return dataclasses.replace(policy, gates={**dict.fromkeys(names, "warn"), **policy.gates})


def notes_of(intended: Sequence[Accept], accepts: Iterable[Accept], findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what is intended and why, and which entries mean a change that ended somewhere else."""
    for one in intended:
        also = f" and with it {', '.join(one.also)}" if one.also else ""
        yield f"intended: {one.metric} from {one.before} to {one.after}{also}: {one.why}"
    for one in accepts:
        for found in findings if one not in intended else ():
            if found.metric == one.metric and found.state in _WORSE and one.is_change(found.base, one.after, tolerance=found.threshold):
                yield f"not as accepted: {one.metric} was to go from {one.before} to {one.after}, and goes to {found.head}"


def proposed_entries(findings: Iterable[Finding]) -> str:
    """Return the entries, as TOML, that would accept what failed in each cell; why it is wanted is for whoever accepts it to say.

    An entry is known by a value without noise; what has noise goes with it. Of a cell that has none nothing is proposed.
    """
    cells: dict[str, list[Finding]] = {}
    for found in findings:
        if found.gate == "fail" and found.state in _WORSE:
            cells.setdefault(found.cell, []).append(found)
    entries = []
    for cell, failed in cells.items():
        exact = [one for one in failed if one.tier == "deterministic" and one.state == "regressed" and _can_be_written(one)]
        if exact:
            also = [one.metric for one in failed if one is not exact[0] and _has_values(one)]
            fields = {"metric": exact[0].metric, "cell": cell, "from": exact[0].base, "to": exact[0].head}
            lines = [f"{name} = {json.dumps(ABSENT if value is None else value)}" for name, value in fields.items()]
            entries.append("\n".join(["[[accept]]", *lines, *([f"also = {json.dumps(also)}"] if also else []), 'reason = ""\n']))
    return "\n".join(entries)


def _can_be_written(found: Finding) -> bool:
    return _has_values(found) and all(not isinstance(value, float) or math.isfinite(value) for value in (found.base, found.head))

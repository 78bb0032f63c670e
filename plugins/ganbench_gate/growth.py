"""Memory that a step leaves behind: objects that are counted, and what the allocator or the system says is in use.

Objects have no noise: one count is enough, and one tensor for each step fails. What is in use has: a slope over the blocks of a
process is Theil and Sen's, the unit is the process pair, and the threshold is a share of base's peak.

Measured: of 35 processes of identical code on a busy machine (17 of an MLP on points, 18 of a DCGAN with batches of 8; 18 blocks of 8
steps) none left an object behind. 32 slopes were 0, and the largest was 2.2 percent of the peak in 1,000 steps.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ganbench import Effect, Finding, MetricRule, Policy, finding
from ganbench_gate.paired import mean_effect

OBJECTS = MetricRule(
    name="object_growth",
    label="tensors and graph nodes left behind by each step",
    unit="",
    tier="deterministic",
    direction="lower",
    threshold=0.02,
)
"""The threshold is in objects for each step: one in 50 steps."""
MEMORY = MetricRule(
    name="memory_growth",
    label="memory growth in 1,000 steps",
    unit="MiB",
    tier="memory",
    direction="lower",
    threshold=0.05,
)
"""The threshold is a share of base's peak."""
_STEPS = 1000
_FEWEST_READINGS = 6
_PARTS = 3


def object_finding(base: Mapping[str, Any], head: Mapping[str, Any], policy: Policy) -> Finding | None:
    """Return the finding of the objects that steps leave behind; None where they were not counted.

    Args:
        base: the facts of base's first process.
        head: of head's.
        policy: of the user.
    """
    grown = [facts.get("object_growth") for facts in (base, head)]
    if not all(grown):
        return None
    ours, theirs = (sum(one["per_step"].values()) for one in grown if one)
    effect = Effect(center=theirs - ours, low=theirs - ours, high=theirs - ours, scale=1.0)
    return finding(policy.applied(OBJECTS), effect, [ours], [theirs], reason=named_growth(head) if theirs > ours else "")


def memory_finding(base: Sequence[Mapping[str, Any]], head: Sequence[Mapping[str, Any]], policy: Policy) -> Finding | None:
    """Return the finding of the growth of memory; None where there are too few readings.

    Args:
        base: the facts of base's processes, one for each pair.
        head: of head's.
        policy: of the user; its alpha is shared among the looks.
    """
    slopes = [(slope_of(ours), slope_of(theirs)) for ours, theirs in zip(base, head, strict=True)]
    known = [(ours, theirs) for ours, theirs in slopes if ours is not None and theirs is not None]
    scale = statistics.median(facts.get("peak_device_mib") or facts["peak_rss_mib"] for facts in base)
    effect = mean_effect([(theirs - ours) / scale for ours, theirs in known], alpha=policy.alpha, num_looks=len(policy.looks))
    if effect is None:
        return None
    ours, theirs = [one for one, _ in known], [one for _, one in known]
    # No p: it would take from the power of the tests of speed, with which it would be corrected.
    effect = dataclasses.replace(effect, scale=scale, p_value=None)
    named = named_growth(head[0]) if statistics.median(theirs) > statistics.median(ours) else ""
    found = finding(policy.applied(MEMORY), effect, ours, theirs, reason=named)
    # A few slow blocks leave the slope open, which is nothing that a reader must decide.
    return dataclasses.replace(found, gate="warn") if found.state == "inconclusive" and found.gate == "fail" else found


def slope_of(facts: Mapping[str, Any]) -> float | None:
    """Return by how many MiB what is in use grows in 1,000 steps, by the readings after the blocks of one process.

    It is the middle one of the slopes of three parts: where an allocator takes a lot at once, the other two know nothing of it.
    """
    from scipy import stats  # late: it takes a second

    readings = [(float(steps), float(used)) for steps, used in facts.get("memory_readings") or []]
    if len(readings) < _FEWEST_READINGS:
        return None
    ends = [round(i * (len(readings) - 1) / _PARTS) for i in range(_PARTS + 1)]
    parts = [readings[start : end + 1] for start, end in pairwise(ends)]
    slopes = [stats.theilslopes([used for _, used in part], [steps for steps, _ in part]).slope for part in parts]
    return float(statistics.median(slopes)) * _STEPS / 2**20


def _plural(kind: str) -> str:
    """Return ``tensors float32[64, 1]``, ``graph nodes MulBackward0``, ``objects dict``."""
    noun, _, what = kind.rpartition(" ") if kind.startswith("graph node ") else kind.partition(" ")
    return f"{noun}s {what}"


def named_growth(facts: Mapping[str, Any]) -> str:
    """Return which objects grow, with how many and how many bytes each step leaves behind; empty where none do."""
    named = (facts.get("object_growth") or {}).get("named", [])
    counted = [(f"{rate:.3g} {kind if rate == 1 else _plural(kind)}", size) for kind, rate, size in named]
    texts = [f"{text} ({size / 1024:.3g} KiB)" if size else text for text, size in counted]
    return f"each step of head leaves behind {', '.join(texts)}" if texts else ""

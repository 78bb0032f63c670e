"""Runs that were not measured side by side: which may be compared, and what their ranks say of speed, and of quality over seeds.

Those may whose keys agree on both sides. Two machines are never put into one number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ganbench.record.record import Difference, Key, RunRecord
from ganbench.verdict.decide import finding, plain_finding
from ganbench.verdict.findings import Finding
from ganbench.verdict.policy import MetricRule, Policy
from ganbench.verdict.statistics import Effect, fewest_against, pooled_deviation, rank_effect, smallest_rank_p, visible_between_groups

_SOME, _MANY = 3, 100


def compare_groups(
    rule: MetricRule, base: Sequence[float], head: Sequence[float], policy: Policy, *, reasons: Iterable[str] = (), least_scale: float = 0.0
) -> Finding:
    """Return the finding of two groups of runs.

    Args:
        rule: with the user's threshold and gate.
        base: one value for each run, at least one; what is not finite is a run that diverged, and ranks last.
        head: the same.
        policy: alpha.
        reasons: what must be known besides; empty texts are left out.
        least_scale: a scale of the metric that is left where its values are near zero.
    """
    scale = rule.scale(base, *head, least=least_scale)
    ours, theirs = ([rule.worsening(value, scale) for value in side] for side in (base, head))
    said = [*reasons, _diverged("base", base), _diverged("head", head)]
    effect = rank_effect(ours, theirs, alpha=policy.alpha)
    if effect is None or not any(map(math.isfinite, (*base, *head))):
        return plain_finding(rule, "inconclusive", _joined("no run has a value", *said), counts=(len(base), len(head)))
    if scale is not None:
        said.append(
            f"a value is not above 0: changes are in units of {scale:.3g}, the most of base's median, its spread and real against real"
        )
    effect = dataclasses.replace(effect, scale=scale)
    return finding(rule, effect, base, head, reason=_joined(*said, _too_few(ours, theirs, effect, policy.alpha)))


def _diverged(side: str, values: Sequence[float]) -> str:
    count = sum(not math.isfinite(value) for value in values)
    return f"{count} of {len(values)} {side} runs diverged and rank{'s' if count == 1 else ''} last" if count else ""


def _too_few(base: Sequence[float], head: Sequence[float], effect: Effect, alpha: float) -> str:
    """Return that no ranks of so few values could be significant, what could, and how small a change that would see."""
    smallest = smallest_rank_p(len(base), len(head))
    if smallest < alpha:
        return ""
    text = f"{len(base)} against {len(head)} runs can never be significant by ranks, the smallest p is {smallest:.2g}"
    wanted = _enough(len(base), len(head), alpha)
    deviation = pooled_deviation(*([value for value in side if math.isfinite(value)] for side in (base, head)))
    seen = (
        f", and would detect a change of {effect.as_change(visible_between_groups(deviation, *wanted, alpha=alpha)):.1%}"
        if deviation
        else ""
    )
    return f"{text}; {wanted[0]} against {wanted[1]} could be{seen}"


def _enough(num_base: int, num_head: int, alpha: float) -> tuple[int, int]:
    """Return how many runs could be significant: more of head where base has some, else as many of both."""
    if num_base >= _SOME and (needed := fewest_against(num_base, alpha=alpha)):
        return num_base, max(needed, num_head)
    both = next(n for n in range(2, _MANY) if smallest_rank_p(n, n) < alpha)
    return both, max(both, num_head)


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


_T = TypeVar("_T")
NamedKeys = tuple[tuple[str, Key], ...]
"""For each key that must agree its name and what it holds."""

_MODEL_FIELDS = ("gpu", "gpu_memory_gib")
"""What makes a model of device; a CPU is one by its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement(Generic[_T]):
    """The values of both sides under the same keys."""

    base: tuple[_T, ...]
    head: tuple[_T, ...]
    differences: tuple[Difference, ...] = ()
    """In which fields the two sides differ, where no key is on both; then there are no values."""
    left_out: str = ""
    """How many values were left out because their keys are on one side only or less used, and where they differ."""


def machine_and_software(record: RunRecord) -> NamedKeys:
    """Return what must agree for speed."""
    return ("hardware", record.keys.hardware), ("software", record.keys.software)


def device_and_software(record: RunRecord) -> NamedKeys:
    """Return what must agree for memory: the model of the device, however many cores stand beside it."""
    fields = dict(record.keys.hardware.fields)
    names = _MODEL_FIELDS if fields.get("gpu") else ("cpu",)
    return ("hardware", Key.of(**{name: fields.get(name) for name in names})), ("software", record.keys.software)


def agree(base: Sequence[_T], head: Sequence[_T], keys: Callable[[_T], NamedKeys]) -> Agreement[_T]:
    """Return the values under the keys that both sides share and that give the most replicates.

    Args:
        base: runs or values; not empty.
        head: the same.
        keys: what must agree.
    """
    ours, theirs = _by_keys(base, keys), _by_keys(head, keys)
    shared = [key for key in ours if key in theirs]
    if not shared:
        return Agreement(base=(), head=(), differences=_differences(_most_used(ours), _most_used(theirs)))
    best = max(shared, key=lambda key: (min(len(ours[key]), len(theirs[key])), len(ours[key]) + len(theirs[key])))
    return Agreement(base=tuple(ours[best]), head=tuple(theirs[best]), left_out=_left_out(best, ours, theirs))


def _by_keys(values: Sequence[_T], keys: Callable[[_T], NamedKeys]) -> dict[NamedKeys, list[_T]]:
    groups: dict[NamedKeys, list[_T]] = {}
    for value in values:
        groups.setdefault(keys(value), []).append(value)
    return groups


def _most_used(groups: Mapping[NamedKeys, Sequence[object]]) -> NamedKeys:
    return max(groups, key=lambda key: len(groups[key]))


def _differences(base: NamedKeys, head: NamedKeys) -> tuple[Difference, ...]:
    return tuple(
        Difference(key=name, field=field, base=ours, head=theirs)
        for (name, key), (_, other) in zip(base, head, strict=True)
        for field, ours, theirs in key.differences(other)
    )


def _left_out(used: NamedKeys, *sides: Mapping[NamedKeys, Sequence[object]]) -> str:
    """Return for instance ``left out under other keys: 2 base runs (hardware cpu)``."""
    texts = []
    for side, groups in zip(("base", "head"), sides, strict=True):
        others = [key for key in groups if key != used]
        if others:
            count = sum(len(groups[key]) for key in others)
            fields = sorted({f"{d.key} {d.field}" for key in others for d in _differences(used, key)})
            texts.append(f"{count} {side} run{'s' if count > 1 else ''} ({', '.join(fields)})")
    return f"left out under other keys: {', '.join(texts)}" if texts else ""

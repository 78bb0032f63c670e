"""Which runs may be compared: those of both sides whose keys agree. Two machines are never put into one number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ganbench.record.record import Difference, Key, RunRecord

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

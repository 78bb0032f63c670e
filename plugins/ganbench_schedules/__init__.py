"""Numbers that follow the images seen: how one moves, and its text for an option. Nothing here imports torch.

A library below the other plugins, as the spaces are. The number itself, on the device, is in :mod:`ganbench_schedules.number`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["constant", "linear", "cosine", "exponential"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORM = "KIND:FIRST:LAST:FROM_KIMG:TO_KIMG"
"""How an option says it, where it is no plain number: ``cosine:10:1:0:500``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A number on its way: ``first`` until ``start_kimg``, ``last`` from ``end_kimg`` on, and between them as its kind says.

    It depends on the real samples that were seen and on nothing else, so that another batch size does not change it.
    """

    kind: Kind
    """A constant is ``first`` for ever; linear; half a cosine; or exponential, in which equal times multiply by equal factors."""
    first: float
    last: float
    start_kimg: float = 0.0
    """Thousands of real samples until it begins to move."""
    end_kimg: float = math.inf
    """Thousands of real samples until it is there."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)} (got {self.kind!r})")
        for name in ("first", "last", "start_kimg") if self.kind == "constant" else ("first", "last", "start_kimg", "end_kimg"):
            if not math.isfinite(value := getattr(self, name)):
                raise ValueError(f"{name} must be finite (got {value:g})")
        if self.start_kimg < 0:
            raise ValueError(f"start_kimg must be 0 or more (got {self.start_kimg:g})")
        if self.end_kimg <= self.start_kimg:
            raise ValueError(f"end_kimg must be above start_kimg, {self.start_kimg:g} (got {self.end_kimg:g})")
        if self.kind == "exponential" and not (self.first > 0 and self.last > 0):
            raise ValueError(f"first and last of an exponential must be above 0 (got {self.first:g} and {self.last:g})")

    def value(self, samples_seen: float) -> float:
        """Return the number after so many real samples."""
        if self.kind == "constant":
            return self.first
        done = min(max((samples_seen - 1000 * self.start_kimg) / (1000 * (self.end_kimg - self.start_kimg)), 0.0), 1.0)
        if self.kind == "exponential":
            return self.last if done == 1 else self.first * math.pow(self.last / self.first, done)
        left = 1.0 - done if self.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
        return self.last + (self.first - self.last) * left


def read_schedule(name: str, value: float | str, *, least: float = -math.inf, most: float = math.inf) -> Schedule:
    """Return the schedule that an option says; a plain number is a constant.

    Args:
        name: of the option, for the message.
        value: a number, or a text of the form :data:`FORM`.
        least: the lowest that either end may be.
        most: the highest.

    Raises:
        ValueError: it is neither, or an end leaves its bounds.
    """
    try:
        schedule = _parsed(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a number or {FORM}: {error}") from error
    for end in (schedule.first, schedule.last):
        if not least <= end <= most:
            bound = f"between {least:g} and {most:g}" if math.isfinite(most) else f"{least:g} or more"
            raise ValueError(f"{name} must be {bound} (got {value})")
    return schedule


def _parsed(value: float | str) -> Schedule:
    """Return what a number or a text says."""
    text = str(value)
    kind, *numbers = text.split(":")
    if not numbers:
        return Schedule(kind="constant", first=_number(text), last=_number(text))
    if kind not in KINDS[1:] or len(numbers) != 4:
        raise ValueError(f"KIND is {', '.join(KINDS[1:-1])} or {KINDS[-1]}, and four numbers follow (got {text!r})")
    first, last, start, end = map(_number, numbers)
    return Schedule(kind=kind, first=first, last=last, start_kimg=start, end_kimg=end)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no number") from error

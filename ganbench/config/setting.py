"""One setting, declared once: its type, its default, which values it may have, and what of a run it is part of.

``width: int = setting(64, least=1)`` is a field of :class:`Settings`, and the string literal under it is its help. Whatever asks about
settings (the work key, the check before a run goes on, the identity of a matrix's cell, the documentation) asks the fields; there is no
list of names beside them.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

_T = TypeVar("_T")
Part = Literal["name", "work", "seed", "machine", "measuring", "guard", "place"]
PARTS: dict[Part, str] = {
    "name": "what the run is called",
    "work": "what is computed, from which data: runs are compared where they agree in it (the work key)",
    "seed": "which of several equal runs it is",
    "machine": "where and how the work is executed (the software key)",
    "measuring": "what is measured, and how; values of a metric are compared by a key of their own",
    "guard": "when a run is refused or stopped; it changes nothing in a run that completes",
    "place": "where files lie, how they are read and when the state is saved; it changes no bit of a run",
}
"""What a setting can be part of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """Which values a setting may have; every value that is unset passes."""

    least: float | None = None
    """The lowest value."""
    most: float | None = None
    """The highest value."""
    above: float | None = None
    """What the value must exceed."""
    below: float | None = None
    """What the value must stay under; infinity, which no text mentions, asks for a finite value."""
    choices: tuple[object, ...] = ()
    """Every value that there is."""

    def allows(self, value: Any) -> bool:
        """Tell whether a value lies within the bound; NaN lies within none."""
        return value is None or (
            (not self.choices or value in self.choices)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """Return it as it follows "must be": ``1 or more``, ``between 0 and 1024``, ``at least 0 and below 1``."""
        if self.choices:
            *others, last = map(str, self.choices)
            return f"{', '.join(others)} or {last}"
        if self.least is not None and self.most is not None:
            return f"between {_number(self.least)} and {_number(self.most)}"
        below = self.below is not None and math.isfinite(self.below)
        low = [] if self.above is None else [f"above {_number(self.above)}"]
        if self.least is not None:
            low = [f"at least {_number(self.least)}" if below else f"{_number(self.least)} or more"]
        high = [] if self.most is None else [f"at most {_number(self.most)}"]
        if below and self.below is not None:
            high = [f"below {_number(self.below)}"]
        return " and ".join(low + high)


def _number(value: float) -> str:
    """Write a bound for people: ``0.5``, ``1024``, ``2^63 - 1``."""
    if isinstance(value, int) and value >= 2**63 - 1:
        return f"2^{(value + 1).bit_length() - 1} - 1"
    return f"{value:g}" if isinstance(value, float) else str(value)


def setting(
    default: _T = dataclasses.MISSING,  # type: ignore[assignment]
    *,
    part: Part | None = None,
    may_change: bool = False,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[_T, ...] = (),
    unit: str = "",
) -> _T:
    """Declare a field of :class:`Settings`.

    Args:
        default: its value where nobody sets it; left out for one that must be set.
        part: what it is part of; None for what its table is. An option of a plugin has none: it is part of the work, or of the measuring.
            One of a dataset may be a place, the name of a file or folder: what is computed are the data in it, which are hashed.
        may_change: whether a run may go on with another value, although the setting is not a place, of which that is always true.
        least: the lowest value.
        most: the highest value.
        above: what the value must exceed.
        below: what the value must stay under; infinity asks for a finite value.
        choices: every value that there is.
        unit: what its number counts, where its name does not say so.
    """
    bound = Bound(least=least, most=most, above=above, below=below, choices=choices)
    return dataclasses.field(default=default, metadata={"part": part, "may_change": may_change, "bound": bound, "unit": unit})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What declares settings: it checks their bounds where it is made.

    A ``__post_init__`` of its own, for what concerns several settings at once, begins with ``Settings.__post_init__(self)``.
    """

    def __post_init__(self) -> None:
        """Refuse the first value that is out of its bound."""
        for field in dataclasses.fields(self):
            value, bound = getattr(self, field.name), _bound_of(field)
            if not bound.allows(value):
                raise ValueError(f"{field.name} must be {bound} (got {value!r})")


def _bound_of(field: dataclasses.Field[Any]) -> Bound:
    """Return which values a field may have."""
    bound: Bound = field.metadata.get("bound", _FREE)
    return bound


_FREE = Bound()

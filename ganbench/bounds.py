"""What the options of plugins have in common in their bounds: one sentence for each, whatever plugin says it. Imports nothing heavy."""

from __future__ import annotations


def at_least(lowest: float, **values: float | None) -> None:
    """Refuse an option below a bound; unset ones are passed over.

    Args:
        lowest: the bound, which is allowed itself.
        values: by the name of the field.

    Raises:
        ValueError: with the field, the bound and the value; for NaN too.
    """
    for name, value in values.items():
        if value is not None and not value >= lowest:
            raise ValueError(f"{name} must be {lowest:g} or more (got {value})")


def fraction(**values: float) -> None:
    """Refuse an option that is no fraction: at least 0 and below 1.

    Args:
        values: by the name of the field.

    Raises:
        ValueError: with the field, the bounds and the value; for NaN too.
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1 (got {value})")

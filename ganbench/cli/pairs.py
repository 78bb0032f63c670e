"""Options that are written KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.errors import UsageError


def read_pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` arguments; of two for one key the later counts.

    Args:
        option: as the user wrote it, for the message.
        values: what it was given.

    Raises:
        UsageError: one without an equals sign or without a key.
    """
    pairs: dict[str, str] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} wants KEY=VALUE (got {value!r})")
        pairs[key.strip()] = text.strip()
    return pairs

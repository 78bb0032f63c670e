"""What options of reproductions have in common. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence


def check_once(name: str, chosen: Sequence[object]) -> None:
    """Refuse rows that are none, or named twice.

    Raises:
        ValueError: as it says.
    """
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"{name} must be one or more, each once (got {','.join(map(str, chosen)) or 'none'})")

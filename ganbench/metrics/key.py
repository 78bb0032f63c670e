"""Keys decide what may be compared: named fields and a digest over them. Nothing here imports torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One of the four keys that decide what may be compared: named fields and a digest over them."""

    fields: tuple[tuple[str, Scalar], ...]
    """Sorted by name."""

    @classmethod
    def of(cls, **values: Scalar) -> Key:
        """Build a key from named values."""
        return cls(fields=tuple(sorted(values.items())))

    @property
    def digest(self) -> str:
        """First 12 hex digits of sha256 over the canonical JSON of the fields."""
        return hashlib.sha256(json.dumps(self.fields, sort_keys=True).encode()).hexdigest()[:12]

    def differences(self, other: Key) -> tuple[tuple[str, Scalar, Scalar], ...]:
        """Return (field, ours, theirs) for each field that differs."""
        ours, theirs = dict(self.fields), dict(other.fields)
        return tuple((n, ours.get(n), theirs.get(n)) for n in sorted(ours | theirs) if ours.get(n) != theirs.get(n))

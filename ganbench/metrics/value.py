"""One measured number. Apart from the arithmetic so that tables read it without importing torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricValue:
    """One measured number, with its protocol and its floor."""

    name: str
    """Full name with protocol: ``fd5k_digits``."""
    label: str
    """Table heading: ``FD digits``."""
    value: float
    """Mean over the extractor's members."""
    spread: float
    """Standard deviation (ddof 1) over the members; 0 for one member."""
    num_generated: int
    num_reference: int
    higher_is_better: bool
    evaluation_key: str
    """Digest of the evaluation key; values under different keys are never put in one column."""
    floor: float | None = None
    """The same metric between real images and real images: two disjoint halves of the train split, or what :attr:`floor_of` says."""
    floor_count: int = 0
    """Real images on each side of the floor; of those in the place of the generated ones where :attr:`floor_of` says what they are."""
    floor_of: str = ""
    """``train images against the held-out ones``; empty for two halves."""

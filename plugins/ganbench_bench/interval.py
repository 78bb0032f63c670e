"""A median with a bootstrap interval of 95 %."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A median, and where it may lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Return the median of some values; the interval's ends are quantiles of the medians of resamples with a fixed seed."""
        draws = np.random.default_rng(0).choice(values, size=(RESAMPLES, len(values)))
        low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
        return cls(median=statistics.median(values), low=float(low), high=float(high))

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.high - self.low) / 2

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit."""
        return Interval(median=factor * self.median, low=factor * self.low, high=factor * self.high)

    def __str__(self) -> str:
        return f"{self.median:.4f} [{self.low:.4f}, {self.high:.4f}]"

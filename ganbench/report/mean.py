"""The mean of some runs with its 95 % interval, in plain Python: a table waits for neither numpy nor scipy."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
_BISECTIONS = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """The mean of independent values."""

    value: float
    num_values: int
    """1 or more."""
    half_width: float | None = None
    """Half of Student's interval; None for a single value, which has none."""


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean of finite values, at least one, with Student's interval from two on."""
    count, center = len(values), statistics.fmean(values)
    if count == 1:
        return Mean(value=values[0], num_values=1)
    error = statistics.stdev(values) / math.sqrt(count)
    return Mean(value=center, num_values=count, half_width=t_quantile(count - 1) * error)


@functools.lru_cache(maxsize=64)
def t_quantile(freedom: int) -> float:
    """Return the t that Student's variable exceeds on neither side with a probability of :data:`CONFIDENCE`.

    Args:
        freedom: degrees of freedom, 1 or more.
    """
    low, high = 0.0, math.pi / 2  # of the angle, atan(t / sqrt(freedom)), which is finite
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _inside(middle, freedom) < CONFIDENCE else (low, middle)
    return math.tan(low) * math.sqrt(freedom)


def _inside(angle: float, freedom: int) -> float:
    """Return the probability of -t to t (Abramowitz and Stegun, 1964, 26.7.3 and 26.7.4)."""
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for power in range(2 + odd, freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (power - 1) / power
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total

"""Several tests in one call: Holm's correction (1979) over the tests that could be significant at all (Tarone 1990)."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p values that hold for all tests together: the smallest times their number, the next times one less, and so on."""
    adjusted, worst = [1.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = worst
    return tuple(adjusted)


def testable(smallest_p: Sequence[float], *, alpha: float) -> tuple[int, ...]:
    """Return the tests that could be significant beside the others; the rest never could, and cost the others nothing.

    Args:
        smallest_p: for each test the smallest p that its number of values can give, known before anything is measured.
        alpha: of all tests together.

    Returns:
        Indices, for the smallest k such that at most k tests can reach alpha / k.
    """
    for k in range(1, len(smallest_p) + 1):
        able = tuple(i for i, p in enumerate(smallest_p) if p < alpha / k)
        if len(able) <= k:
            return able
    return ()

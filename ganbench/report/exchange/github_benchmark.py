"""Head's values for github-action-benchmark, which draws them over commits: one file where bigger is better, one where smaller is.

Its formats are ``customBiggerIsBetter`` and ``customSmallerIsBetter``: a list of objects with name, unit, value, range and extra.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ganbench.report.words import change_text, count_text, full_name, interval_text, state_name
from ganbench.text import clean, number
from ganbench.verdict.findings import Comparison, Finding


def render_bigger(comparison: Comparison) -> str:
    """Return the metrics of which more is better."""
    return _render(comparison, "higher")


def render_smaller(comparison: Comparison) -> str:
    """Return the metrics of which less is better."""
    return _render(comparison, "lower")


def _render(comparison: Comparison, direction: str) -> str:
    entries = [_entry(found) for found in comparison.findings if found.direction == direction and _has_value(found)]
    return json.dumps(entries, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _has_value(found: Finding) -> bool:
    return isinstance(found.head, (int, float)) and math.isfinite(found.head)


def _entry(found: Finding) -> dict[str, Any]:
    said = " ".join(filter(None, (state_name(found.state), change_text(found), interval_text(found) and f"({interval_text(found)})")))
    return {
        "name": full_name(found),
        "unit": clean(found.unit),
        "value": found.head,
        "range": _spread(found),
        "extra": f"{said}, n {count_text(found)}, gate {found.gate}",
    }


def _spread(found: Finding) -> str:
    """Return half of the range of head's values."""
    finite = [value for value in found.head_values if math.isfinite(value)]
    return f"± {number((max(finite) - min(finite)) / 2)}" if len(finite) > 1 else ""

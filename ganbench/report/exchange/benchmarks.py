"""A verdict's values as other tools draw them.

github-action-benchmark draws head's over commits: one file where bigger is better, one where smaller is (``customBiggerIsBetter`` and
``customSmallerIsBetter``: lists of objects with name, unit, value, range and extra). ``pytest-benchmark compare BASE HEAD`` reads times in
seconds; a throughput becomes the time of one image, and what is neither a time nor a throughput is left out.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import Any

from ganbench.report.words import change_text, count_text, full_name, interval_text, state_name
from ganbench.text import clean, number
from ganbench.verdict.findings import Comparison, Finding

_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
_RATE = "/s"
_FORMAT_VERSION = "5.0.0"
"""The version of pytest-benchmark whose fields are written."""


def render_side(comparison: Comparison, side: str, *, created: str) -> str:
    """Return one side's times.

    Args:
        comparison: the verdict; a value of it is one run, or the median of one process pair.
        side: ``base`` or ``head``.
        created: the moment, in ISO 8601.
    """
    benchmarks = [_benchmark(found, samples) for found in comparison.findings if (samples := _samples(found, side))]
    whole = {
        "machine_info": {"machine": clean(comparison.machine), "cpu": {"brand_raw": clean(comparison.machine)}},
        "commit_info": {"name": clean(comparison.base if side == "base" else comparison.head)},
        "benchmarks": benchmarks,
        "datetime": created,
        "version": _FORMAT_VERSION,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _statistics_of(samples: Sequence[float]) -> dict[str, Any]:
    """Return what pytest-benchmark says of some times in seconds, at least one."""
    ordered, mean = sorted(samples), statistics.fmean(samples)
    deviation = statistics.stdev(samples) if len(samples) > 1 else 0.0
    low, middle, high = statistics.quantiles(samples, method="inclusive") if len(samples) > 1 else 3 * [ordered[0]]
    fence = 1.5 * (high - low)
    inside = [value for value in ordered if low - fence <= value <= high + fence]
    far = sum(abs(value - mean) > deviation for value in samples)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(samples),
        "median": middle,
        "iqr": high - low,
        "q1": low,
        "q3": high,
        "iqr_outliers": len(samples) - len(inside),
        "stddev_outliers": far,
        "outliers": f"{far};{len(samples) - len(inside)}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": 1 / mean,
        "total": math.fsum(samples),
        "data": list(samples),
        "iterations": 1,
    }


def _samples(found: Finding, side: str) -> tuple[float, ...]:
    """Return a finding's values in seconds, without runs that diverged; none where they are no times."""
    values = [v for v in (found.base_values if side == "base" else found.head_values) if math.isfinite(v) and v > 0]
    if found.unit.endswith(_RATE):
        return tuple(1 / value for value in values)
    return tuple(_SECONDS[found.unit] * value for value in values) if found.unit in _SECONDS else ()


def _benchmark(found: Finding, samples: Sequence[float]) -> dict[str, Any]:
    name = full_name(found)
    return {
        "group": clean(found.cell) or None,
        "name": name,
        "fullname": f"{clean(found.cell)}::{clean(found.metric)}" if found.cell else clean(found.metric),
        "params": None,
        "param": None,
        "extra_info": {"metric": clean(found.metric), "cell_id": found.cell_id, "unit": clean(found.unit)},
        "options": {},
        "stats": _statistics_of(samples),
    }


def render_github(comparison: Comparison, direction: str) -> str:
    """Return the metrics of which more is better (``higher``), or less (``lower``)."""
    wanted = (f for f in comparison.findings if f.direction == direction and isinstance(f.head, (int, float)) and math.isfinite(f.head))
    return json.dumps([_github_entry(found) for found in wanted], indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _github_entry(found: Finding) -> dict[str, Any]:
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

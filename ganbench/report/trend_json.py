"""A trend as JSON for programs.

Schema history
    1  (0.1.0) first version
"""

from __future__ import annotations

import json

from ganbench.record.serialise import encode
from ganbench.verdict.trend import Trend


def render_json(trend: Trend) -> str:
    """Return all series with points and steps; NaN and the infinities are ``{"$float": "nan"}``, as in a record."""
    whole = {"schema": "ganbench-trend", **encode(trend)}
    for series, data in zip(trend.series, whole["series"], strict=True):
        for step, fields in zip(series.steps, data["steps"], strict=True):
            fields["fails"] = step.fails
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

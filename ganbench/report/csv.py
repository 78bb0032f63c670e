"""A comparison as CSV for spreadsheets: a line for each finding, numbers in full, changes as fractions."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from ganbench.report.words import difference_text, why
from ganbench.text import clean
from ganbench.verdict.findings import Comparison, Finding

_Value = float | int | str | bool | None
_PLAIN = (
    *("cell", "cell_id", "metric", "label", "unit", "tier", "direction", "gate", "state", "base", "head", "num_base", "num_head"),
    *("change", "low", "high", "confidence", "threshold", "p_value", "adjusted_p", "smallest_p", "smallest_visible", "not_worse"),
)
_COMPUTED: dict[str, Callable[[Finding], _Value]] = {
    "null_change": lambda f: f.null.change if f.null else None,
    "null_low": lambda f: f.null.low if f.null else None,
    "null_high": lambda f: f.null.high if f.null else None,
    "null_pairs": lambda f: f.null.num_pairs if f.null else None,
    "why": why,
    "differences": lambda f: "; ".join(map(difference_text, f.differences)),
    "base_values": lambda f: " ".join(map(repr, f.base_values)),
    "head_values": lambda f: " ".join(map(repr, f.head_values)),
}


def render_csv(comparison: Comparison) -> str:
    """Return a comparison as CSV with one header line (RFC 4180, lines end in a line feed); what is missing is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_PLAIN, *_COMPUTED])
    for found in comparison.findings:
        writer.writerow([_cell(getattr(found, name)) for name in _PLAIN] + [_cell(value(found)) for value in _COMPUTED.values()])
    return buffer.getvalue()


def _cell(value: _Value) -> _Value:
    if isinstance(value, bool):
        return str(value).lower()
    return clean(value) if isinstance(value, str) else value

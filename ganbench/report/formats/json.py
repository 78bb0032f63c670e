"""A document as JSON for programs.

Schema history
    1  (0.1.0) first version; ``kind`` says whether a row is one run or the mean of replicates
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ganbench.report.document import Cell, Document, Row, Section

_TABLE_SCHEMA_VERSION = 1


def render_json(document: Document) -> str:
    """Return a document as JSON: groups of rows, each with its fields and a list of metrics.

    Values are in full, in the units of the field's name; NaN and the infinities are ``{"$float": "nan"}``, as in a record. Beside a mean
    ``x`` stand ``x_half_width``, half of its 95 % interval and null for a single run, and ``x_num_runs``.
    """
    whole = {
        "schema": "ganbench-table",
        "schema_version": _TABLE_SCHEMA_VERSION,
        "kind": document.row_kind,
        "groups": [_group(section) for section in document.sections],
        "notes": (*document.heading, *document.legend, *document.explanation),
    }
    return json.dumps(_strict(whole), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _group(section: Section) -> dict[str, Any]:
    return {**(dict(section.facts) or {"title": section.title}), "rows": [_row(section, row) for row in section.rows]}


def _row(section: Section, row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    metrics: dict[tuple[str, str], dict[str, Any]] = {}
    for column, cell in zip(section.columns, row.cells, strict=True):
        if not column.metric:
            name = column.id or column.title()
            fields |= {name: cell.value if column.id else cell.text, **(_mean(name, cell) if column.beside == "interval" else {})}
        elif cell.text:
            about = {
                "name": column.metric,
                "label": column.metric_heading,
                "evaluation_key": column.evaluation_key,
                "better": column.direction,
            }
            metric = metrics.setdefault((column.metric, column.evaluation_key), about)
            metric[column.part] = cell.value
            if column.beside == "interval":
                metric |= _mean(column.part, cell)
            elif column.beside == "spread":
                metric[f"{column.part}_spread"] = cell.spread or 0.0
    notes = [note for note in section.notes if any(note in cell.notes for cell in row.cells)]
    return {**fields, "metrics": list(metrics.values()), "notes": notes}


def _mean(name: str, cell: Cell) -> dict[str, Any]:
    return {f"{name}_half_width": cell.half_width, f"{name}_num_runs": cell.num_runs}


def _strict(value: Any) -> Any:
    """Return a value without what JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, Mapping):
        return {name: _strict(one) for name, one in value.items()}
    return [_strict(one) for one in value] if isinstance(value, (list, tuple)) else value

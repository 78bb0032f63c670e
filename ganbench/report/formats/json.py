"""A table as JSON for programs.

Schema history
    1  (0.1.0) first version; ``kind`` says whether a row is one run or the mean of replicates
"""

from __future__ import annotations

import json
from typing import Any

from ganbench.record.serialise import encode
from ganbench.report.table_model import Cell, Group, Row, Table

TABLE_SCHEMA_VERSION = 1


def render_json(table: Table) -> str:
    """Return a table as JSON: groups of rows, each with its fields and a list of metrics.

    Values are in full, in the units of the field's name; NaN and the infinities are ``{"$float": "nan"}``, as in a record. Beside a mean
    ``x`` stand ``x_half_width``, half of its 95 % interval and null for a single run, and ``x_num_runs``.
    """
    whole = {
        "schema": "ganbench-table",
        "schema_version": TABLE_SCHEMA_VERSION,
        "kind": table.kind,
        "groups": [_group(table, group) for group in table.groups],
        "notes": table.notes,
    }
    return json.dumps(encode(whole), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _group(table: Table, group: Group) -> dict[str, Any]:
    return {
        "machine": group.machine,
        "hardware_key": group.hardware.digest if group.hardware else None,
        "hardware": dict(group.hardware.fields) if group.hardware else None,
        "rows": [_row(table, group, row) for row in group.rows],
    }


def _row(table: Table, group: Group, row: Row) -> dict[str, Any]:
    pairs = list(zip(table.columns, row.cells, strict=True))
    fields: dict[str, Any] = {}
    for column, cell in pairs:
        if not column.metric:
            fields |= {column.id: cell.value, **(_mean(column.id, cell) if column.averaged else {})}
    if table.kind == "replicates":
        fields["runs"] = row.runs or (row.run_id,)
    metrics: dict[tuple[str, str], dict[str, Any]] = {}
    for column, cell in pairs:
        if column.metric and cell.text:
            about = {
                "name": column.metric,
                "label": column.metric_heading,
                "evaluation_key": column.evaluation_key,
                "better": column.direction,
            }
            metric = metrics.setdefault((column.metric, column.evaluation_key), about)
            metric[column.part] = cell.value
            if column.averaged:
                metric |= _mean(column.part, cell)
            elif column.part != "floor":
                metric[f"{column.part}_spread"] = cell.spread or 0.0
    notes = sorted({note for _, cell in pairs for note in cell.notes})
    return {**fields, "metrics": list(metrics.values()), "notes": [group.notes[note - 1] for note in notes]}


def _mean(name: str, cell: Cell) -> dict[str, Any]:
    return {f"{name}_half_width": cell.half_width, f"{name}_num_runs": cell.num_runs}
